from collections.abc import AsyncIterator, Callable
from random import Random

import httpx
import pytest
from fastapi import FastAPI

from fastchat.dispatch import Following, Table
from fastchat.gateway.admit import Gate
from fastchat.gateway.app import Cors, Neighbours, create_app
from fastchat.gateway.context import Context
from fastchat.gateway.forward import Forwarder
from fastchat.gateway.keys import KeyRing
from fastchat.protocol.cluster import Dispatched, WorkerEntry
from fastchat.relay import Limits, Relay
from tests.servers import free_port, serving

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
    gate = Gate(keys, max_body_bytes=100_000)
    forwarder = Forwarder(
        gate=gate,
        table=table,
        relay=Relay(Limits(silence_s=TIMEOUT_S)),
        report=dispatched.append,
        new_id=lambda: "new-id",
        timeout_s=TIMEOUT_S,
        token=None,
    )
    neighbours = Neighbours(f"http://127.0.0.1:{free_port()}", None, TIMEOUT_S)
    context = Context(
        gate=gate, table=table, forwarder=forwarder, worker=neighbours.worker, wall_clock=lambda: 5
    )
    cors = Cors(credentials=False, origins=("*",), methods=("*",), headers=("*",))
    return create_app(context, neighbours, Following(table), cors)


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
