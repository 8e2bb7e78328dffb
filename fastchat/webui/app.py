"""The server of the page: Gradio behind a guard, and the controller's table beside it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import gradio as gr
from fastapi import FastAPI
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount

from fastchat.core.metrics import exposed, registry
from fastchat.dispatch import Probing
from fastchat.relay.edge import (
    BodyLimit,
    answer_errors,
    answer_health,
    answer_metrics,
    end_with,
    for_insiders,
)
from fastchat.webui.backend import Backend
from fastchat.webui.guard import Guard
from fastchat.webui.look import Look
from fastchat.webui.pictures import CONVERSATION_CHARACTERS

# A message with its pictures, a system prompt and what Gradio puts around them.
BODY_LIMIT_BYTES = 1024 * 1024 + CONVERSATION_CHARACTERS


def create_app(page: gr.Blocks, look: Look, backend: Backend) -> FastAPI:
    app = FastAPI(
        lifespan=_lifespan(backend),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.add_middleware(BodyLimit, limit_bytes=BODY_LIMIT_BYTES)
    app.add_middleware(Guard)

    answer_errors(app)
    answer_health(app)
    told = registry(backend.figures)

    async def metrics() -> bytes:
        return exposed(told)

    answer_metrics(app, metrics, for_insiders(backend.neighbours.token))

    @app.get("/ready")
    async def ready() -> Response:
        """The page can be opened; a model may still be on its way."""
        return JSONResponse({"models": backend.table.models()})

    gr.mount_gradio_app(
        app,
        page,
        "/",
        footer_links=[],
        run_history=False,
        auth=look.users,
        root_path=look.root_path or None,
        allowed_paths=[],
        show_error=False,
        max_file_size=0,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        i18n=look.translations,
        theme=look.theme,
        css=look.css,
    )
    return app


def let_go(app: FastAPI) -> None:
    """End the stream that every open page holds, for which the server would wait."""
    for route in app.routes:
        if isinstance(route, Mount) and isinstance(route.app, gr.routes.App):
            route.app.stop_event.set()


def _lifespan(backend: Backend) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        neighbours = backend.neighbours
        async with neighbours.opened():
            tasks = [asyncio.create_task(Probing(backend.table, neighbours.is_alive).run())]
            if neighbours.controller_url:
                told = backend.following.run(neighbours.controller())
                tasks.append(asyncio.create_task(told))
            sharing = backend.sharing()
            if sharing is not None:
                tasks.append(asyncio.create_task(sharing.run()))
            for task in tasks:
                task.add_done_callback(end_with)
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                if sharing is not None:
                    sharing.tell()
                if backend.database is not None:
                    await backend.database.aclose()
                if backend.tracing is not None:
                    await backend.tracing.aclose()

    return lifespan
