from collections.abc import AsyncIterator, Callable
from random import Random

import httpx
import pytest
from fastapi import FastAPI

from fastchat.dispatch import Table
from fastchat.gateway.keys import KeyRing
from fastchat.protocol.cluster import Dispatched, WorkerEntry
from tests.apps import gateway_app
from tests.servers import serving

TIMEOUT_S = 0.5


@pytest.fixture
def table() -> Table:
    return Table(lambda: 0.0, Random(0), "shortest_queue")


@pytest.fixture
def keys() -> KeyRing:
    return KeyRing.of([])


@pytest.fixture
def dispatched() -> list[Dispatched]:
    return []


@pytest.fixture
def app(table: Table, keys: KeyRing, dispatched: list[Dispatched]) -> FastAPI:
    return gateway_app(table, report=dispatched.append, keys=keys, timeout_s=TIMEOUT_S)


@pytest.fixture
async def gateway(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client,
    ):
        yield client


@pytest.fixture
def add_worker(table: Table) -> Callable[[str], None]:
    def add(url: str) -> None:
        table.put(WorkerEntry(address=url, model_names=("m",), dialects=("openai",)))

    return add
