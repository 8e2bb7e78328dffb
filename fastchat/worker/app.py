"""The worker over HTTP: OpenAI routes, the wire of 0.2.36, and its own state of health."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import aiohttp
from fastapi import FastAPI
from starlette.responses import JSONResponse, Response

from fastchat.core.metrics import exposed, registry
from fastchat.protocol.codec import encode
from fastchat.relay.edge import (
    BodyLimit,
    Service,
    TokenGuard,
    answer_errors,
    answer_health,
    answer_metrics,
    end_with,
)
from fastchat.worker.adapters import routes as adapter_routes
from fastchat.worker.figures import Measured, MetricsOnly
from fastchat.worker.legacy.routes import routes as legacy_routes
from fastchat.worker.openai.routes import routes as openai_routes
from fastchat.worker.registration import Announcer, Replaced
from fastchat.worker.shell import Shell

logger = logging.getLogger("model_worker")

OPEN_PATHS = ("/health", "/ready")

Announce = Callable[[aiohttp.ClientSession], Announcer]


@dataclass(frozen=True, kw_only=True, slots=True)
class Collaborators:
    """`announce` is None for a worker that registers nowhere. On the `metrics_port`, if there is
    one, nothing but metrics is answered."""

    shell: Shell
    announce: Announce | None
    token: str | None
    wall_clock: Callable[[], float]
    new_id: Callable[[], str]
    max_body_bytes: int = 2 * 1024 * 1024
    metrics_port: int | None = None


@dataclass(slots=True)
class Presence:
    """Whether a request would be answered, and who tells the controller so."""

    ready: bool = False
    announcer: Announcer | None = None
    task: asyncio.Task[None] | None = None

    def begin(self, announcer: Announcer | None) -> None:
        self.ready = True
        self.announcer = announcer
        if announcer is not None:
            self.task = asyncio.create_task(_announce(announcer))
            self.task.add_done_callback(end_with)

    async def end(self) -> None:
        """Before the drain: no new work, what runs may finish. A second call does nothing."""
        self.ready = False
        announcer, self.announcer = self.announcer, None
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        if announcer is not None:
            await announcer.leave()


def create_service(parts: Collaborators) -> Service:
    presence = Presence()
    app = FastAPI(
        title="fastchat worker", lifespan=_lifespan(parts, presence), docs_url=None, redoc_url=None
    )
    figures = parts.shell.figures
    told = registry(figures.figures)

    async def metrics() -> bytes:
        return exposed(told)

    answer_errors(app, figures.failed)
    answer_health(app)
    answer_metrics(app, metrics)
    if parts.token is not None:
        app.add_middleware(
            TokenGuard, token=parts.token, open_paths=OPEN_PATHS, noted=figures.failed
        )
    app.add_middleware(BodyLimit, limit_bytes=parts.max_body_bytes, noted=figures.failed)
    app.add_middleware(Measured, figures=figures, clock=parts.shell.admission.clock)
    if parts.metrics_port is not None:
        app.add_middleware(MetricsOnly, port=parts.metrics_port)
    app.include_router(openai_routes(parts.shell, wall_clock=parts.wall_clock, new_id=parts.new_id))
    app.include_router(adapter_routes(parts.shell.engine, guarded=parts.token is not None))
    app.include_router(legacy_routes(parts.shell, new_id=parts.new_id))

    @app.get("/load")
    async def load() -> Response:
        return Response(encode(parts.shell.load()), media_type="application/json")

    @app.get("/ready")
    async def ready() -> Response:
        status = 200 if presence.ready else 503
        return JSONResponse({"ready": presence.ready}, status_code=status)

    return Service(app, presence.end)


def _lifespan(
    parts: Collaborators, presence: Presence
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with aiohttp.ClientSession() as session:
            presence.begin(parts.announce(session) if parts.announce else None)
            try:
                yield
            finally:
                await presence.end()
                await parts.shell.engine.aclose()

    return lifespan


async def _announce(announcer: Announcer) -> None:
    try:
        await announcer.run()
    except Replaced as replaced:
        logger.error("%s", replaced)
        signal.raise_signal(signal.SIGTERM)
