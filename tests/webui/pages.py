"""The page over any engine, without a controller."""

import itertools
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from fastchat.client import Neighbours
from fastchat.core.generation import Engine
from fastchat.core.metrics import Figures
from fastchat.dispatch import Following, Table
from fastchat.webui.app import Look, create_app
from fastchat.webui.build import ASSETS
from fastchat.webui.conversation_log import ConversationLog
from fastchat.webui.handlers import Handlers
from fastchat.webui.session import Session
from fastchat.webui.store import Store
from fastchat.webui.texts import load
from fastchat.webui.view import theme, translations, view
from tests.servers import free_port, serving

NOW = 1_700_000_000.0


def page_over(
    engine: Engine, *, folder: Path | None = None, models: Sequence[str] = ("m",)
) -> FastAPI:
    ids = itertools.count()
    handlers = Handlers(
        store=Store(lambda: Session(engine=engine, new_id=lambda: f"c{next(ids)}"), lambda: 0.0),
        texts=load(ASSETS / "texts.toml"),
        log=ConversationLog(folder, lambda: NOW),
        models=lambda: list(models),
        wall_clock=lambda: NOW,
        log_chats=True,
    )
    page = view(handlers, ASSETS, follows_models=True, terms=True, slots=200)
    look = Look(
        theme=theme(),
        css=(ASSETS / "page.css").read_text(encoding="utf-8"),
        translations=translations(handlers.texts),
        users=None,
        root_path="",
    )
    table = Table(lambda: 0.0, random.Random(0))
    nobody = Neighbours(f"http://127.0.0.1:{free_port()}", None, 5)
    return create_app(page, look, table, Following(table), nobody, Figures())


@asynccontextmanager
async def served_page(engine: Engine, *, folder: Path | None = None) -> AsyncIterator[str]:
    async with serving(page_over(engine, folder=folder)) as url:
        yield url
