from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from fastchat.worker.admission import Admission
from fastchat.worker.app import Collaborators, create_service
from fastchat.worker.shell import Shell
from tests.scripted import ScriptedEngine
from tests.servers import serving


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def shell(engine: ScriptedEngine, now: list[float]) -> Shell:
    return Shell(engine, Admission(2, 2, lambda: now[0]), stream_interval=1)


@pytest.fixture
def app(shell: Shell) -> FastAPI:
    parts = Collaborators(
        shell=shell, announce=None, token=None, wall_clock=lambda: 1234.5, new_id=lambda: "id"
    )
    return create_service(parts).app


@pytest.fixture
async def worker(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The worker's HTTP side, in process: no client of it can hang up."""
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://worker") as client,
    ):
        yield client


@pytest.fixture
async def served_worker(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The worker on a real socket."""
    async with (
        serving(app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        yield client
