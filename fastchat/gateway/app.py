"""The API server: completions are forwarded, everything else is ordinary FastAPI."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fastchat.client import Neighbours
from fastchat.core.metrics import exposed, registry
from fastchat.dispatch import Following, Probing
from fastchat.gateway.aborting import routes as abort_routes
from fastchat.gateway.blind_pair import NAME as ARENA
from fastchat.gateway.context import Context
from fastchat.gateway.cors import Cors, Pages
from fastchat.gateway.figures import GatewayFigures
from fastchat.gateway.frontends import FRONTENDS
from fastchat.gateway.openapi import DescribedAPI
from fastchat.gateway.shares import Shares
from fastchat.relay.edge import (
    BodyLimit,
    Service,
    answer_errors,
    answer_health,
    answer_metrics,
    end_with,
    for_insiders,
)
from fastchat.relay.work import Endpoint


def create_service(
    context: Context,
    neighbours: Neighbours,
    following: Following,
    cors: Cors,
    figures: GatewayFigures,
    shares: Shares | None = None,
) -> Service:
    told = registry(figures.figures)
    app = DescribedAPI(
        title="fastchat API server",
        lifespan=_lifespan(context, neighbours, following, told, shares),
        docs_url=None,
        redoc_url=None,
    )
    answer_errors(app, figures.failed)
    answer_health(app)
    answer_metrics(app, _telling(told, shares), for_insiders(neighbours.token, _by_key(context)))
    routers = [FRONTENDS.load(name)(context) for name in FRONTENDS]
    endpoints = dict(_endpoints(routers))
    app.add_middleware(
        BodyLimit,
        limit_bytes=context.gate.max_body_bytes,
        noted=figures.failed,
        but_at=[path.decode() for path in endpoints],
    )
    keys = context.gate.keys
    app.add_middleware(Pages, cors=cors, wants_keys=lambda: keys.required or not keys.known)
    for router in routers:
        app.include_router(router)

    app.include_router(abort_routes(context.aborting))

    @app.get("/ready")
    async def ready() -> Response:
        models = context.table.models()
        # The arena alone answers nothing.
        is_ready = bool(set(models) - {ARENA})
        return JSONResponse({"models": models}, status_code=200 if is_ready else 503)

    return Service(app, endpoints=endpoints)


def _telling(told: CollectorRegistry, shares: Shares | None) -> Callable[[], Awaitable[bytes]]:
    async def metrics() -> bytes:
        return exposed(told) if shares is None else await shares.exposed(told)

    return metrics


def _by_key(context: Context) -> Callable[[Request], None] | None:
    """API keys, if there are any, open the metrics too."""
    keys = context.gate.keys
    if not keys.fixed and context.ledger is None:
        return None
    nearby = for_insiders(None)

    def check(request: Request) -> None:
        if keys.required or not keys.known:
            context.gate.admit_head(dict(request.scope["headers"]))
        else:
            nearby(request)

    return check


def _endpoints(routers: Iterable[APIRouter]) -> Iterator[tuple[bytes, Endpoint]]:
    """What can be answered below ASGI, by path."""
    for router in routers:
        for route in router.routes:
            if not isinstance(route, Route):
                continue
            served: object = route.app
            if isinstance(served, Endpoint):
                yield route.path.encode(), served


def _lifespan(
    context: Context,
    neighbours: Neighbours,
    following: Following,
    told: CollectorRegistry,
    shares: Shares | None,
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            neighbours.opened(),
            context.aborting.heard(),
            shares.told(told) if shares else nullcontext(),
        ):
            probing = Probing(context.table, context.is_alive)
            tasks = [
                asyncio.create_task(following.run(neighbours.controller())),
                asyncio.create_task(probing.run()),
                asyncio.create_task(context.forwarder.watch()),
            ]
            for beside in (context.ledger, context.arena, context.sharing):
                if beside is not None:
                    tasks.append(asyncio.create_task(beside.run()))
            for task in tasks:
                task.add_done_callback(end_with)
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await context.forwarder.relay.aclose()
                await context.forwarder.pictures.aclose()
                if context.sharing is not None:
                    context.sharing.tell()
                if context.ledger is not None:
                    await context.ledger.aclose()
                if context.forwarder.tracing is not None:
                    await context.forwarder.tracing.aclose()

    return lifespan
