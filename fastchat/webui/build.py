"""From flags to an application: the one place that sees the whole configuration."""

import asyncio
import random
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fastchat.arena.battle import Kind
from fastchat.arena.figures import ArenaFigures
from fastchat.arena.sampling import Draw
from fastchat.client import Neighbours
from fastchat.core.config import words
from fastchat.core.errors import ConfigError
from fastchat.core.metrics import Figures
from fastchat.dispatch import DispatchedEngine, Following, Table
from fastchat.dispatch.figures import show_table
from fastchat.providers.figures import show_spend
from fastchat.providers.opening import RemoteModel, remote_models
from fastchat.relay.edge import Service
from fastchat.webui.config import ArenaConfig, PageConfig
from fastchat.webui.conversation_log import ConversationLog
from fastchat.webui.models import PageEngine
from fastchat.webui.pair.duel import Duel, Pair
from fastchat.webui.session import Session
from fastchat.webui.store import Store
from fastchat.webui.texts import load

if TYPE_CHECKING:
    from fastchat.storage import Database
    from fastchat.webui.view import Arena
    from fastchat.webui.visitors import Visitors

ASSETS = Path(__file__).parent / "assets"


def build(config: PageConfig) -> Service:
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise ConfigError("the page needs Gradio: pip install 'fschat[webui]'") from error
    from fastchat.storage import Database
    from fastchat.webui.app import Look, create_app, let_go
    from fastchat.webui.handlers import Handlers
    from fastchat.webui.history.handlers import HistoryHandlers
    from fastchat.webui.history.history import History
    from fastchat.webui.view import theme, translations, view
    from fastchat.webui.visitors import Visitors

    # Without a controller no workers are still to be heard of.
    table = Table(time.monotonic, random.Random(), complete=not config.controller_address)
    following = Following(table)
    neighbours = Neighbours(
        config.controller_address, config.cluster_token, config.worker_timeout_s
    )
    remote = _remote(config)
    engine = PageEngine(
        DispatchedEngine(table, following.report, neighbours.engine),
        remote,
        lambda model: model.open(neighbours.session, config.worker_timeout_s),
    )
    database = Database.open(config.database.text)
    figures = Figures()

    def session() -> Session:
        return Session(engine=engine, new_id=lambda: uuid.uuid4().hex)

    store = Store(session, time.monotonic)
    texts = load(ASSETS / "texts.toml")
    visitors, log = Visitors(texts), ConversationLog(config.logdir, time.time)
    handlers = Handlers(
        store=store,
        visitors=visitors,
        log=log,
        models=lambda: list(engine.model_names),
        wall_clock=time.time,
        log_chats=config.log_chats,
        history=HistoryHandlers(store, visitors, History(database, time.time)),
    )
    arena = None
    if isinstance(config, ArenaConfig):
        arena = arena_over(
            session,
            lambda: list(engine.in_battles()),
            database,
            visitors,
            log,
            rng=random.SystemRandom(),
            wall_clock=time.time,
            figures=ArenaFigures(figures, kinds=("battle", "side_by_side")),
        )
    page = view(
        handlers,
        ASSETS,
        follows_models=config.model_list_mode == "reload",
        terms=config.show_terms_of_use,
        slots=config.concurrency_count,
        arena=arena,
    )
    look = Look(
        theme=theme(),
        css=(ASSETS / "page.css").read_text(encoding="utf-8"),
        translations=translations(texts),
        users=_users(config.gradio_auth_path),
        root_path=config.gradio_root_path,
    )
    stores: list[Store[Session] | Store[Duel]] = [store]
    if arena is not None:
        stores += [arena.battle.store, arena.side_by_side.store]

    def busy() -> int:
        return sum(one.busy for one in stores)

    figures.gauge("page_sessions", "Tabs that are remembered.", lambda: len(store))
    figures.gauge("page_answers_running", "Answers that stream now.", busy)
    show_table(figures, "page", table, following)
    show_spend(figures, remote.values())
    app = create_app(page, look, table, following, neighbours, figures, database)

    async def before_drain() -> None:
        """Answers end; then the pages are told to let go of their connections."""
        await _until_idle(busy, config.drain_s)
        let_go(app)

    return Service(app, before_drain)


async def _until_idle(busy: Callable[[], int], most_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(most_s):
            while busy():  # noqa: ASYNC110  # of sessions there are many, of drains one
                await asyncio.sleep(0.1)


def arena_over(
    session: Callable[[], Session],
    models: Callable[[], list[str]],
    database: "Database | None",
    visitors: "Visitors",
    log: ConversationLog,
    *,
    rng: random.Random,
    wall_clock: Callable[[], float],
    figures: ArenaFigures,
) -> "Arena":
    from fastchat.webui.leaderboard.handlers import LeaderboardHandlers
    from fastchat.webui.leaderboard.poll import Poll
    from fastchat.webui.pair.handlers import PairHandlers
    from fastchat.webui.view import Arena

    poll = Poll(database)

    def draw() -> Pair:
        return Draw().pair(models(), poll.appearances(), rng)

    def handlers(kind: Kind) -> PairHandlers:
        def duel() -> Duel:
            return Duel(
                kind=kind,
                left=session(),
                right=session(),
                new_id=lambda: uuid.uuid4().hex,
                wall_clock=wall_clock,
                figures=figures,
            )

        return PairHandlers(
            kind=kind,
            store=Store(duel, time.monotonic),
            visitors=visitors,
            log=log,
            draw=draw,
            keep=poll.keep,
        )

    return Arena(
        battle=handlers("battle"),
        side_by_side=handlers("side_by_side"),
        leaderboard=LeaderboardHandlers(poll, visitors, wall_clock),
    )


def _remote(config: PageConfig) -> Mapping[str, RemoteModel]:
    path = config.register_api_endpoint_file
    if path is None:
        return {}
    return {one.endpoint.name: one for one in remote_models(path, config.price_file)}


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
