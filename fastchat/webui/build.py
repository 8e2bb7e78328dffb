"""From flags to an application: the one place that sees the whole configuration."""

import asyncio
import random
import time
import uuid
from contextlib import suppress
from pathlib import Path

from fastchat.client import Neighbours
from fastchat.core.config import words
from fastchat.core.errors import ConfigError
from fastchat.core.metrics import Figures
from fastchat.dispatch import Following, Table
from fastchat.dispatch.figures import show_table
from fastchat.relay.edge import Service
from fastchat.webui.config import PageConfig
from fastchat.webui.conversation_log import ConversationLog
from fastchat.webui.dispatcher import DispatchedEngine
from fastchat.webui.session import Session
from fastchat.webui.store import Store
from fastchat.webui.texts import load

ASSETS = Path(__file__).parent / "assets"


def build(config: PageConfig) -> Service:
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise ConfigError("the page needs Gradio: pip install 'fschat[webui]'") from error
    from fastchat.webui.app import Look, create_app, let_go
    from fastchat.webui.handlers import Handlers
    from fastchat.webui.view import theme, translations, view

    table = Table(time.monotonic, random.Random(), complete=False)
    following = Following(table)
    neighbours = Neighbours(
        config.controller_address, config.cluster_token, config.worker_timeout_s
    )
    engine = DispatchedEngine(table, following.report, neighbours.engine)
    store = Store(lambda: Session(engine=engine, new_id=lambda: uuid.uuid4().hex), time.monotonic)
    texts = load(ASSETS / "texts.toml")
    handlers = Handlers(
        store=store,
        texts=texts,
        log=ConversationLog(config.logdir, time.time),
        models=table.models,
        wall_clock=time.time,
        log_chats=config.log_chats,
    )
    page = view(
        handlers,
        ASSETS,
        follows_models=config.model_list_mode == "reload",
        terms=config.show_terms_of_use,
        slots=config.concurrency_count,
    )
    look = Look(
        theme=theme(),
        css=(ASSETS / "page.css").read_text(encoding="utf-8"),
        translations=translations(texts),
        users=_users(config.gradio_auth_path),
        root_path=config.gradio_root_path,
    )
    figures = Figures()
    figures.gauge("page_sessions", "Tabs that are remembered.", lambda: len(store))
    figures.gauge("page_answers_running", "Answers that stream now.", lambda: store.busy)
    show_table(figures, "page", table, following)
    app = create_app(page, look, table, following, neighbours, figures)

    async def before_drain() -> None:
        """Answers end; then the pages are told to let go of their connections."""
        with suppress(TimeoutError):
            async with asyncio.timeout(config.drain_s):
                while store.busy:  # noqa: ASYNC110  # of sessions there are many, of drains one
                    await asyncio.sleep(0.1)
        let_go(app)

    return Service(app, before_drain)


def _users(path: Path | None) -> list[tuple[str, str]] | None:
    if path is None:
        return None
    try:
        pairs = words(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--gradio-auth-path {path}: {error}") from None
    if not pairs or any(":" not in pair for pair in pairs):
        raise ConfigError(f"--gradio-auth-path {path}: write user:password pairs into it")
    return [(user, password) for user, _, password in (pair.partition(":") for pair in pairs)]
