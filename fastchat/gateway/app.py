"""The API server: completions are forwarded, everything else is ordinary FastAPI."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fastchat.client import Neighbours
from fastchat.dispatch import Following, Probing
from fastchat.gateway.context import Context
from fastchat.gateway.forward import Endpoint
from fastchat.gateway.frontends import FRONTENDS
from fastchat.relay.edge import BodyLimit, Service, answer_errors, answer_health, end_with


@dataclass(frozen=True, kw_only=True, slots=True)
class Cors:
    credentials: bool
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]


def create_service(
    context: Context, neighbours: Neighbours, following: Following, cors: Cors
) -> Service:
    app = FastAPI(
        title="fastchat API server",
        lifespan=_lifespan(context, neighbours, following),
        docs_url=None,
        redoc_url=None,
    )
    answer_errors(app)
    answer_health(app)
    app.add_middleware(BodyLimit, limit_bytes=context.gate.max_body_bytes)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=cors.origins,
        allow_credentials=cors.credentials,
        allow_methods=cors.methods,
        allow_headers=cors.headers,
    )
    routers = [FRONTENDS.load(name)(context) for name in FRONTENDS]
    for router in routers:
        app.include_router(router)

    @app.get("/ready")
    async def ready() -> Response:
        models = context.table.models()
        return JSONResponse({"models": models}, status_code=200 if models else 503)

    return Service(app, endpoints=dict(_endpoints(routers)))


def _endpoints(routers: Iterable[APIRouter]) -> Iterator[tuple[bytes, Endpoint]]:
    """What can be answered below ASGI, by path."""
    for router in routers:
        for route in router.routes:
            if isinstance(route, Route) and isinstance(route.app, Endpoint):
                yield route.path.encode(), route.app


def _lifespan(
    context: Context, neighbours: Neighbours, following: Following
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with neighbours.opened():
            probing = Probing(context.table, neighbours.is_alive)
            tasks = [
                asyncio.create_task(following.run(neighbours.controller())),
                asyncio.create_task(probing.run()),
                asyncio.create_task(context.forwarder.watch()),
            ]
            for task in tasks:
                task.add_done_callback(end_with)
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await context.forwarder.relay.aclose()

    return lifespan
