"""The controller over HTTP: the calls of 0.2.36, and the pushed table."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from fastchat.controller.figures import Target
from fastchat.controller.inquiry import Inquiry
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.core.errors import NoWorker, Overloaded, UnknownModel, WorkerTimeout
from fastchat.core.metrics import exposed, registry
from fastchat.core.tracing import HEADER as TRACEPARENT
from fastchat.core.upstream import Upstream
from fastchat.protocol import wire
from fastchat.protocol.cluster import (
    Departure,
    DispatchReport,
    HeartBeat,
    HeartBeatAnswer,
    ModelList,
    ModelRef,
    Registered,
    Registration,
    WorkerAddress,
)
from fastchat.protocol.codec import decode, encode
from fastchat.relay import Relay, UpstreamFault, opened
from fastchat.relay.edge import (
    BodyLimit,
    Service,
    TokenGuard,
    answer_errors,
    answer_health,
    answer_metrics,
    json_response,
    unless_gone,
)
from fastchat.relay.work import Header

logger = logging.getLogger("controller")

BODY_LIMIT_BYTES = 2 * 1024 * 1024
OPEN_PATHS = ("/test_connection", "/health")
SIGN_OF_LIFE_S = 5.0
# By what a request is found in logs and traces: a worker goes on with both.
IDENTITY = (b"x-request-id", TRACEPARENT)
PASSED_ON = (
    "/worker_generate",
    "/worker_get_conv_template",
    "/worker_get_embeddings",
    "/model_details",
    "/count_token",
)


def create_service(pool: WorkerPool, relay: Relay, trust: Trust) -> Service:
    app = FastAPI(
        title="fastchat controller", lifespan=_lifespan(pool, relay), docs_url=None, redoc_url=None
    )
    figures = pool.figures
    answer_errors(app, figures.failed)
    answer_health(app)
    if trust.token is not None:
        app.add_middleware(
            TokenGuard, token=trust.token, open_paths=OPEN_PATHS, noted=figures.failed
        )
    app.add_middleware(BodyLimit, limit_bytes=BODY_LIMIT_BYTES, noted=figures.failed)
    _add_figures(app, pool)
    _add_registration(app, pool, trust, Inquiry(pool, relay, trust))
    _add_lookups(app, pool)
    _add_table(app, pool)
    _add_relay(app, pool, relay, trust)
    return Service(app, pool.dismiss)


def _lifespan(
    pool: WorkerPool, relay: Relay
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(_sweep(pool))
        try:
            yield
        finally:
            sweeper.cancel()
            await relay.aclose()

    return lifespan


async def _sweep(pool: WorkerPool) -> None:
    while True:
        await asyncio.sleep(pool.expiration_s / 20)
        pool.sweep()


def _caller(request: Request) -> str:
    return request.client.host if request.client else "0.0.0.0"


def _add_registration(app: FastAPI, pool: WorkerPool, trust: Trust, inquiry: Inquiry) -> None:
    @app.post("/register_worker")
    async def register_worker(request: Request) -> Response:
        registration = decode(await request.body(), Registration)
        resolved = await trust.check(registration.worker_name, _caller(request))
        trust.check_claims(registration, _caller(request))
        pool.register(await inquiry.completed(registration, resolved))
        return json_response(
            None if registration.epoch is None else Registered(epoch=registration.epoch)
        )

    @app.post("/receive_heart_beat")
    async def receive_heart_beat(request: Request) -> Response:
        beat = decode(await request.body(), HeartBeat)
        await trust.check(beat.worker_name, _caller(request))
        return json_response(HeartBeatAnswer(exist=pool.beat(beat)))

    @app.post("/unregister_worker")
    async def unregister_worker(request: Request) -> Response:
        departure = decode(await request.body(), Departure)
        await trust.check(departure.worker_name, _caller(request))
        pool.leave(departure)
        return json_response(None)

    @app.post("/refresh_all_workers")
    async def refresh_all_workers() -> Response:
        """Heart-beats keep the table true; who sends none is asked."""
        await inquiry.refresh()
        return json_response(None)


def _add_lookups(app: FastAPI, pool: WorkerPool) -> None:
    @app.get("/test_connection")
    async def test_connection() -> Response:
        return JSONResponse("success")

    @app.post("/list_models")
    async def list_models() -> Response:
        return json_response(ModelList(models=pool.table.models()))

    @app.post("/list_multimodal_models")
    async def list_multimodal_models() -> Response:
        return json_response(ModelList(models=_models(pool, multimodal=True)))

    @app.post("/list_language_models")
    async def list_language_models() -> Response:
        return json_response(ModelList(models=_models(pool, multimodal=False)))

    @app.post("/get_worker_address")
    async def get_worker_address(request: Request) -> Response:
        model = decode(await request.body(), ModelRef).model
        try:
            address = pool.choose(model)
        except (UnknownModel, NoWorker, Overloaded):
            logger.info("no worker: %s", model)
            address = ""
        return json_response(WorkerAddress(address=address))

    @app.post("/worker_get_status")
    async def worker_get_status() -> Response:
        status = pool.status()
        return json_response(status)


def _add_table(app: FastAPI, pool: WorkerPool) -> None:
    @app.get("/workers")
    async def workers() -> Response:
        return json_response({"workers": pool.table.entries()})

    @app.get("/workers/watch")
    async def watch() -> Response:
        async def lines() -> AsyncIterator[bytes]:
            async for update in pool.follow(idle_s=SIGN_OF_LIFE_S):
                yield encode(update) + b"\n"

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    @app.post("/report_dispatches")
    async def report_dispatches(request: Request) -> Response:
        for dispatched in decode(await request.body(), DispatchReport).dispatches:
            pool.note(dispatched)
        return json_response(None)


def _add_figures(app: FastAPI, pool: WorkerPool) -> None:
    told = registry(pool.figures.figures)

    async def metrics() -> bytes:
        return exposed(told)

    answer_metrics(app, metrics)

    @app.get("/prometheus/sd")
    async def targets() -> Response:
        """Workers of 0.2.36 tell no figures, so they are not listed. Those that were lost lately
        are: an alert on who does not answer needs somebody to ask."""
        listed = [
            Target.of(entry, "registered") for entry in pool.table.entries() if entry.dialects
        ]
        listed += [Target.of(entry, "lost") for entry in pool.lost() if entry.dialects]
        return json_response(listed)


def _add_relay(app: FastAPI, pool: WorkerPool, relay: Relay, trust: Trust) -> None:
    """As a worker's: a controller can stand in for all of its workers. One of 0.2.36 passes on the
    stream only; the others spare an API server above this one to know the workers below."""

    @app.post("/worker_generate_stream")
    async def worker_generate_stream(request: Request) -> Response:
        body = await request.body()
        model = decode(body, ModelRef).model
        headers = [*trust.headers, *_identity(request)]
        return StreamingResponse(_relayed(pool, relay, headers, model, body))

    for path in PASSED_ON:
        app.add_api_route(path, _passing_on(path.encode(), pool, relay, trust), methods=["POST"])


def _passing_on(
    path: bytes, pool: WorkerPool, relay: Relay, trust: Trust
) -> Callable[[Request], Awaitable[Response]]:
    async def pass_on(request: Request) -> Response:
        body = await request.body()
        answers: list[Response] = []

        async def work() -> None:
            headers = [*trust.headers, *_identity(request)]
            answers.append(await _passed_on(path, pool, relay, headers, body))

        await unless_gone(request.receive, work())
        return answers[0] if answers else Response(status_code=499)

    return pass_on


def _identity(request: Request) -> list[Header]:
    return [header for header in request.scope["headers"] if header[0] in IDENTITY]


async def _passed_on(
    path: bytes, pool: WorkerPool, relay: Relay, headers: Sequence[Header], body: bytes
) -> Response:
    address = pool.choose(decode(body, ModelRef).model)
    try:
        upstream = Upstream.from_url(address)
        response = await opened(relay, upstream, path, headers=headers, body=body)
        try:
            answer = await response.whole()
        finally:
            response.abort()
    except UpstreamFault as fault:
        logger.info("worker timeout: %s", address)
        raise WorkerTimeout(relay.limits.silence_s if fault.kind == "silent" else 0) from fault
    return Response(answer, response.status, media_type="application/json")


async def _relayed(
    pool: WorkerPool, relay: Relay, headers: Sequence[Header], model: str, body: bytes
) -> AsyncIterator[bytes]:
    try:
        address = pool.choose(model)
        upstream = Upstream.from_url(address)
        tail = b""
        response = await opened(
            relay, upstream, b"/worker_generate_stream", headers=headers, body=body
        )
        if response.status != 200:
            response.abort()
            raise NoWorker(model)
        async for piece in response:
            whole, end, tail = (tail + piece).rpartition(wire.END)
            if end:  # a message that was cut short is not passed on
                yield whole + end
    except UpstreamFault as fault:
        logger.info("worker timeout: %s", address)
        limit_s = relay.limits.silence_s if fault.kind == "silent" else 0
        yield encode(wire.ErrorMessage.of(WorkerTimeout(limit_s))) + wire.END
    except Overloaded as full:
        yield encode(wire.ErrorMessage.of(full)) + wire.END
    except (UnknownModel, NoWorker):
        logger.info("no worker: %s", model)
        yield encode(wire.ErrorMessage.of(NoWorker(model))) + wire.END


def _models(pool: WorkerPool, *, multimodal: bool) -> list[str]:
    entries = [entry for entry in pool.table.entries() if entry.multimodal == multimodal]
    return sorted({name for entry in entries for name in entry.model_names})
