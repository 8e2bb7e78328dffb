"""The worker over HTTP: OpenAI routes, the wire of 0.2.36, and its own state of health."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from fastapi import FastAPI
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fastchat.core.attended import Attended
from fastchat.core.errors import ConfigError
from fastchat.core.metrics import exposed, registry
from fastchat.core.tracing import Tracing
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
from fastchat.worker.aborting import routes as abort_routes
from fastchat.worker.adapters import routes as adapter_routes
from fastchat.worker.figures import Measured, MetricsOnly
from fastchat.worker.legacy.routes import routes as legacy_routes
from fastchat.worker.openai.render import routes as render_routes
from fastchat.worker.openai.routes import routes as openai_routes
from fastchat.worker.registration import Announcer, Replaced
from fastchat.worker.relaying import Relaying
from fastchat.worker.shell import Shell
from fastchat.worker.tracing import Traced

logger = logging.getLogger("model_worker")

OPEN_PATHS = ("/health", "/ready")

Announce = Callable[[aiohttp.ClientSession], Announcer]


@dataclass(frozen=True, kw_only=True, slots=True)
class Collaborators:
    """`announce` is None for a worker that registers nowhere, `relaying` for an engine that is in
    this process. On the `metrics_port`, if there is one, nothing but metrics is answered."""

    shell: Shell
    announce: Announce | None
    token: str | None = field(repr=False)
    wall_clock: Callable[[], float]
    new_id: Callable[[], str]
    max_body_bytes: int = 2 * 1024 * 1024
    metrics_port: int | None = None
    relaying: Relaying | None = None
    tracing: Tracing | None = None


@dataclass(slots=True)
class Presence:
    """Whether a request would be answered, and who tells the controller so. `failure` is why there
    can be no answer at all."""

    ready: bool = False
    failure: ConfigError | None = None
    _announcer: Announcer | None = None
    _task: asyncio.Task[None] | None = None
    _leaving: asyncio.Task[None] | None = None

    def begin(self, announcer: Announcer | None) -> None:
        self.ready = True
        self._announcer = announcer
        if announcer is not None:
            self._task = asyncio.create_task(_announce(announcer, self._leaving))
            self._task.add_done_callback(end_with)

    def pause(self) -> None:
        """Nothing would be answered for a while: the controller hears it in the background."""
        self.ready = False
        self._leaving = asyncio.create_task(self._leave(self._leaving))

    async def end(self) -> None:
        """Before the drain: no new work, what runs may finish. A second call does nothing."""
        self.ready = False
        await self._leave(self._leaving)

    async def _leave(self, before: "asyncio.Task[None] | None") -> None:
        announcer, self._announcer = self._announcer, None
        task, self._task = self._task, None
        if before is not None:
            await before
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if announcer is not None:
            await announcer.leave()


def create_service(parts: Collaborators) -> Service:
    presence = Presence()
    endpoints = parts.relaying.endpoints() if parts.relaying is not None else {}
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
    if parts.tracing is not None:
        app.add_middleware(Traced, tracing=parts.tracing)
    if parts.metrics_port is not None:
        app.add_middleware(MetricsOnly, port=parts.metrics_port)
    for path, endpoint in endpoints.items():  # before ours of the same paths
        app.router.routes.append(Route(path, endpoint, methods=["POST"]))
    app.include_router(
        openai_routes(
            parts.shell,
            wall_clock=parts.wall_clock,
            new_id=parts.new_id,
            check_media=None if parts.relaying is None else parts.relaying.check_media,
        )
    )
    app.include_router(render_routes(parts.shell, new_id=parts.new_id))
    app.include_router(adapter_routes(parts.shell.engine, guarded=parts.token is not None))
    app.include_router(abort_routes(parts.shell.under_way, guarded=parts.token is not None))
    app.include_router(legacy_routes(parts.shell, new_id=parts.new_id))

    @app.get("/load")
    async def load() -> Response:
        return Response(encode(parts.shell.load()), media_type="application/json")

    @app.get("/ready")
    async def ready() -> Response:
        engine = parts.shell.engine
        trouble = engine.trouble if isinstance(engine, Attended) else ""
        said = {"ready": presence.ready} | ({"reason": trouble} if trouble else {})
        return JSONResponse(said, status_code=200 if presence.ready else 503)

    below = {path.encode(): endpoint for path, endpoint in endpoints.items()}
    return Service(app, presence.end, below, lambda: presence.failure)


def _lifespan(
    parts: Collaborators, presence: Presence
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = parts.shell.engine
        await parts.shell.template_facts.learn(engine, parts.shell.template)
        async with aiohttp.ClientSession() as session, AsyncExitStack() as opened:

            def tell(ready: bool) -> None:
                if ready:
                    presence.begin(parts.announce(session) if parts.announce else None)
                else:
                    presence.pause()

            if isinstance(engine, Attended):
                await opened.enter_async_context(_attended(engine, presence, tell))
            else:
                tell(True)
            try:
                yield
            finally:
                await presence.end()
                await engine.aclose()
                if parts.relaying is not None:
                    await parts.relaying.relay.aclose()
                if parts.tracing is not None:
                    await parts.tracing.aclose()

    return lifespan


@asynccontextmanager
async def _attended(
    engine: Attended, presence: Presence, tell: Callable[[bool], None]
) -> AsyncIterator[None]:
    async def attend() -> None:
        try:
            await engine.attend(tell)
        except ConfigError as error:  # it will never answer
            presence.failure = error
            signal.raise_signal(signal.SIGTERM)

    task = asyncio.create_task(attend())
    task.add_done_callback(end_with)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _announce(announcer: Announcer, before: "asyncio.Task[None] | None") -> None:
    if before is not None:
        await before  # a leave must not come after it
    try:
        await announcer.run()
    except Replaced as replaced:
        logger.error("%s", replaced)
        signal.raise_signal(signal.SIGTERM)
