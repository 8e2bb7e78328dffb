from collections.abc import AsyncIterator, Callable
from random import Random

import httpx
import pytest

from fastchat.dispatch import Table
from fastchat.gateway.addresses import Hosts
from fastchat.gateway.config import RELAYS
from fastchat.gateway.keys import KeyRing
from fastchat.gateway.passage import Passage
from fastchat.gateway.pictures import Pictures
from fastchat.protocol.cluster import COUNTS, Dispatched, WorkerEntry
from fastchat.relay.edge import Service
from fastchat.relay.server import Server
from tests.apps import gateway_service
from tests.pictures import Names
from tests.servers import running

# For the tests in which a worker says nothing.
SHORT_SILENCE = pytest.mark.parametrize("silence_s", [0.5])


@pytest.fixture
def silence_s() -> float:
    """How long a worker may say nothing."""
    return 30


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
def passages() -> list[Passage]:
    return []


@pytest.fixture
def service(
    table: Table,
    keys: KeyRing,
    dispatched: list[Dispatched],
    passages: list[Passage],
    silence_s: float,
) -> Service:
    return gateway_service(
        table, report=dispatched.append, keys=keys, timeout_s=silence_s, account=passages.append
    )


@pytest.fixture(params=RELAYS)
def way(request: pytest.FixtureRequest) -> str:
    """Everything that is said about completions holds for both ways through the gateway."""
    return str(request.param)


@pytest.fixture
async def server(service: Service, way: str) -> AsyncIterator[Server]:
    below = service.endpoints if way == "below-asgi" else {}
    async with running(service.app, endpoints=below) as server:
        yield server


@pytest.fixture
async def gateway(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{server.config.port}"
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
def add_worker(table: Table) -> Callable[[str], None]:
    def add(url: str) -> None:
        table.put(WorkerEntry(address=url, model_names=("m",), dialects=("openai", COUNTS)))

    return add


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def pictures(names: Names) -> Pictures:
    """For which 127.0.0.1 is outside, and all else is inside."""
    return Pictures(hosts=Hosts(["*"]), is_allowed=lambda one: one == "127.0.0.1", resolver=names)
