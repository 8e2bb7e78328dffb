"""The page over any engine, without a controller."""

import itertools
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from fastchat.arena.figures import ArenaFigures
from fastchat.arena.sampling import Draw
from fastchat.client import Neighbours
from fastchat.core.generation import Engine
from fastchat.core.metrics import Figures
from fastchat.dispatch import Following, Table
from fastchat.storage import Database
from fastchat.webui.app import create_app
from fastchat.webui.arena import arena_over
from fastchat.webui.assembly import ASSETS
from fastchat.webui.backend import Backend
from fastchat.webui.conversation_log import ConversationLog
from fastchat.webui.history.handlers import HistoryHandlers
from fastchat.webui.history.history import History
from fastchat.webui.look import look
from fastchat.webui.models import Seeing
from fastchat.webui.session import Session
from fastchat.webui.store import Store
from fastchat.webui.talk.handlers import TalkHandlers
from fastchat.webui.texts import load
from fastchat.webui.view import view
from fastchat.webui.visitors import Visitors
from tests.servers import free_port, serving

NOW = 1_700_000_000.0


def page_over(
    engine: Engine,
    *,
    folder: Path | None = None,
    models: Sequence[str] = ("m",),
    sees: Sequence[str] = (),
    tabs: bool = False,
    database: Database | None = None,
) -> FastAPI:
    """`tabs`: with the arena beside the chat."""
    ids = itertools.count()
    seconds = itertools.count(NOW, 3)  # whoever looks at the clock again took three seconds

    def session() -> Session:
        return Session(
            engine=engine, new_id=lambda: f"c{next(ids)}", sees=lambda model: model in sees
        )

    def drawn(*, shows: bool = False) -> Sequence[str]:
        return [model for model in models if model in sees or not shows]

    visitors = Visitors(load(ASSETS / "texts.toml"))
    log = ConversationLog(folder, lambda: NOW)
    store = Store(session, lambda: 0.0)
    history = None
    if database is not None:
        history = HistoryHandlers(store, visitors, History(database, lambda: next(seconds)))
    handlers = TalkHandlers(
        store=store,
        history=history,
        visitors=visitors,
        log=log,
        models=lambda: list(models),
        seeing=lambda: Seeing(
            shown=[*sees], blind=[one for one in models if one not in sees], drawn=len(sees)
        ),
        wall_clock=lambda: NOW,
        log_chats=True,
    )
    figures = Figures()
    arena = arena_over(
        session,
        drawn,
        database,
        visitors,
        log,
        takes_pictures=True,
        draw=Draw(),
        rng=random.Random(0),
        wall_clock=lambda: next(seconds),
        figures=ArenaFigures(figures),
    )
    page = view(
        handlers,
        ASSETS,
        follows_models=True,
        terms=True,
        slots=200,
        arena=arena if tabs else None,
    )
    table = Table(lambda: 0.0, random.Random(0))
    behind = Backend(
        table=table,
        following=Following(table),
        neighbours=Neighbours(f"http://127.0.0.1:{free_port()}", None, 5),
        database=database,
        figures=figures,
    )
    return create_app(page, look(ASSETS, visitors.texts), behind)


@asynccontextmanager
async def served_page(engine: Engine, **how: Any) -> AsyncIterator[str]:
    """`how` as in `page_over`."""
    async with serving(page_over(engine, **how)) as url:
        yield url
