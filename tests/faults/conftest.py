"""A gateway in front of a worker with an engine of the test's own, both on real sockets."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from random import Random

import pytest

from fastchat.dispatch import Table
from fastchat.gateway.config import RELAYS
from fastchat.protocol.cluster import COUNTS, WorkerEntry
from fastchat.relay.protocol import Bounds
from fastchat.relay.server import Server
from tests.apps import gateway_service, worker_app
from tests.scripted import ScriptedEngine
from tests.servers import running

CHAT = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Stack:
    gateway: Server
    worker: Server

    @property
    def port(self) -> int:
        return self.gateway.config.port


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def bounds() -> Bounds:
    return Bounds()


@pytest.fixture
def drain_s() -> float:
    return 1


@pytest.fixture
def table() -> Table:
    return Table(lambda: 0.0, Random(0), "shortest_queue")


@pytest.fixture(params=RELAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def stack(
    engine: ScriptedEngine, bounds: Bounds, drain_s: float, table: Table, way: str
) -> AsyncIterator[Stack]:
    reported: list[object] = []
    service = gateway_service(table, report=reported.append)
    below = service.endpoints if way == "below-asgi" else {}
    async with (
        running(worker_app(engine), bounds=bounds, drain_s=drain_s) as worker,
        running(service.app, bounds=bounds, drain_s=drain_s, endpoints=below) as gateway,
    ):
        address = f"http://127.0.0.1:{worker.config.port}"
        table.put(WorkerEntry(address=address, model_names=("m",), dialects=("openai", COUNTS)))
        yield Stack(gateway, worker)


def request(body: bytes, *, path: str = CHAT, headers: bytes = b"") -> bytes:
    """A whole request, as bytes."""
    line = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n".encode()
    return line + headers + b"\r\n" + body
