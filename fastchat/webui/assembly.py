"""The page put together: the one place that sees the whole configuration."""

import asyncio
import random
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fastchat.arena.figures import ArenaFigures
from fastchat.core.config import words
from fastchat.core.errors import ConfigError
from fastchat.relay.edge import Service
from fastchat.webui.app import create_app, let_go
from fastchat.webui.arena import Arena, arena_over
from fastchat.webui.backend import Backend, backend
from fastchat.webui.config import ArenaConfig, PageConfig
from fastchat.webui.conversation_log import ConversationLog
from fastchat.webui.history.handlers import HistoryHandlers
from fastchat.webui.history.history import History
from fastchat.webui.look import look
from fastchat.webui.models import PageEngine
from fastchat.webui.pair.duel import Duel
from fastchat.webui.session import Session
from fastchat.webui.store import Store
from fastchat.webui.talk.handlers import TalkHandlers
from fastchat.webui.texts import load
from fastchat.webui.view import view
from fastchat.webui.visitors import Visitors

ASSETS = Path(__file__).parent / "assets"

Stores = Sequence[Store[Session] | Store[Duel]]


def assembled(config: PageConfig) -> Service:
    behind, texts = backend(config), load(ASSETS / "texts.toml")
    parts = _Parts(
        config=config,
        behind=behind,
        engine=behind.engine(),
        visitors=Visitors(texts),
        log=ConversationLog(config.logdir, time.time),
    )
    talk, arena = parts.talk(), parts.arena()
    page = view(
        talk,
        ASSETS,
        follows_models=config.model_list_mode == "reload",
        terms=config.show_terms_of_use,
        slots=config.concurrency_count,
        arena=arena,
    )
    users = _users(config.gradio_auth_path)
    seen = look(ASSETS, texts, users=users, root_path=config.gradio_root_path)
    app = create_app(page, seen, behind)
    pairs = [one.store for one in arena.pairs] if arena is not None else []
    busy = _told(behind, talk.store, [talk.store, *pairs])

    async def before_drain() -> None:
        """Answers end; then the pages are told to let go of their connections."""
        await _until_idle(busy, config.drain_s)
        let_go(app)

    return Service(app, before_drain)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Parts:
    """What the tabs have in common."""

    config: PageConfig
    behind: Backend
    engine: PageEngine
    visitors: Visitors
    log: ConversationLog

    def session(self) -> Session:
        return Session(engine=self.engine, new_id=lambda: uuid.uuid4().hex, sees=self.engine.sees)

    def talk(self) -> TalkHandlers:
        store, database = Store(self.session, time.monotonic), self.behind.database
        history = None
        if database is not None:
            history = HistoryHandlers(store, self.visitors, History(database, time.time))
        return TalkHandlers(
            store=store,
            visitors=self.visitors,
            log=self.log,
            models=lambda: list(self.engine.model_names),
            seeing=self.engine.seeing,
            wall_clock=time.time,
            log_chats=self.config.log_chats,
            history=history,
        )

    def arena(self) -> Arena | None:
        if not isinstance(self.config, ArenaConfig):
            return None
        return arena_over(
            self.session,
            self.engine.in_battles,
            self.behind.database,
            self.visitors,
            self.log,
            takes_pictures=self.config.multimodal,
            draw=self.config.draw,
            rng=random.SystemRandom(),
            wall_clock=time.time,
            figures=ArenaFigures(self.behind.figures, kinds=("battle", "side_by_side")),
        )


def _told(behind: Backend, talks: Store[Session], stores: Stores) -> Callable[[], int]:
    """How many answers stream now; the metrics say it too."""

    def busy() -> int:
        return sum(one.busy for one in stores)

    behind.figures.gauge("page_sessions", "Tabs that are remembered.", lambda: len(talks))
    behind.figures.gauge("page_answers_running", "Answers that stream now.", busy)
    behind.tell()
    return busy


async def _until_idle(busy: Callable[[], int], most_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(most_s):
            while busy():  # noqa: ASYNC110  # of sessions there are many, of drains one
                await asyncio.sleep(0.1)


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
