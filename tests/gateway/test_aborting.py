"""Requests are aborted at the API server: by who asked them, wherever they run."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import httpx
import pytest

from fastchat.dispatch import Table
from fastchat.gateway.aborting import Aborting, Wish
from fastchat.gateway.config import RELAYS
from fastchat.gateway.keys import KeyRing
from fastchat.gateway.passage import Passage
from fastchat.protocol.cluster import COUNTS, WorkerEntry
from tests.apps import gateway_service, worker_app
from tests.scripted import ScriptedEngine
from tests.servers import running, serving, until

CHAT = "/v1/chat/completions"
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
MINE = {"authorization": "Bearer key1", "x-request-id": "mine"}
OTHERS = {"authorization": "Bearer key2"}
ADMIN = {"authorization": "Bearer cluster"}


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(held=asyncio.Event())


@pytest.fixture(params=RELAYS)
async def gateway(
    request: pytest.FixtureRequest, engine: ScriptedEngine, passages: list[Passage]
) -> AsyncIterator[httpx.AsyncClient]:
    table = Table(lambda: 0.0, Random(0))
    service = gateway_service(
        table,
        report=lambda _: None,
        keys=KeyRing.of(["key1", "key2"]),
        token="cluster",  # the workers of this table ask for none
        account=passages.append,
    )
    below = service.endpoints if request.param == "below-asgi" else {}
    async with (
        serving(worker_app(engine)) as url,
        running(service.app, endpoints=below) as server,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{server.config.port}", trust_env=False
        ) as client,
    ):
        table.put(WorkerEntry(address=url, model_names=("m",), dialects=("openai", COUNTS)))
        yield client


async def abort(
    gateway: httpx.AsyncClient, headers: dict[str, str], rid: str = "mine"
) -> httpx.Response:
    return await gateway.post("/abort_request", json={"rid": rid}, headers=headers)


@pytest.mark.parametrize("who", [MINE, ADMIN])
async def test_who_asked_may_abort_and_who_has_the_cluster_token(
    gateway: httpx.AsyncClient,
    engine: ScriptedEngine,
    who: dict[str, str],
    passages: list[Passage],
) -> None:
    asked = asyncio.create_task(gateway.post(CHAT, json=ASK, headers=MINE))
    await until(lambda: engine.running == 1)
    assert (await abort(gateway, who)).json() == {"rid": "mine", "aborted": 1}
    assert (await asked).status_code == 499
    await until(lambda: engine.running == 0)
    assert [passage.status for passage in passages] == [499]


async def test_nobody_else_may(gateway: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    asked = asyncio.create_task(gateway.post(CHAT, json=ASK, headers=MINE))
    await until(lambda: engine.running == 1)
    assert (await abort(gateway, OTHERS)).status_code == 404
    assert (await abort(gateway, {})).status_code == 401
    assert engine.held is not None
    engine.held.set()
    assert (await asked).status_code == 200


async def test_a_stream_ends_in_one_error_event(
    gateway: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    engine.held_from = 1
    async with gateway.stream("POST", CHAT, json=ASK | {"stream": True}, headers=MINE) as answer:
        lines = answer.aiter_lines()
        first = json.loads((await anext(lines)).removeprefix("data: "))
        assert (await abort(gateway, MINE, first["id"])).status_code == 200
        rest = [line async for line in lines if line]
    assert json.loads(rest[-1].removeprefix("data: "))["error"]["type"] == "request_aborted"
    assert not any("[DONE]" in line for line in rest)
    await until(lambda: engine.running == 0)


class Request:
    """As far as it matters here."""

    id = "mine"
    caller = None

    def __init__(self) -> None:
        self.refused: list[Exception] = []
        self.refuse: Callable[[Exception], None] = self.refused.append


async def test_all_processes_of_a_port_are_told(tmp_path: Path) -> None:
    request, ring = Request(), KeyRing.of([])
    here = Aborting(under_way=set(), keys=ring, token=None, folder=tmp_path, number=1)
    there = Aborting(under_way={request}, keys=ring, token=None, folder=tmp_path, number=2)  # type: ignore[arg-type]  # a fake
    (tmp_path / "3.abort.sock").touch()  # is being started
    async with here.heard(), there.heard():
        assert await here.abort(Wish(id="mine")) == 1
    assert len(request.refused) == 1
