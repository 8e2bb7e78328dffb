"""Dispatch as a client of the gateway sees it, over real sockets and real workers' shells."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from fastchat.core.errors import ConfigError
from fastchat.dispatch import RetryBudget, Routes, Table
from fastchat.engines.scripted import Options, ScriptedEngine, answer
from fastchat.gateway.build import build
from fastchat.gateway.config import GatewayConfig
from fastchat.protocol.cluster import Dispatched, WorkerEntry
from tests.apps import gateway_service, worker_app
from tests.servers import RawServer, free_port, read_request, serving, until

CHAT = "/v1/chat/completions"
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
FULL = b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\n{}"
BROKEN = b"HTTP/1.1 500 Oops\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture
async def workers(table: Table) -> AsyncIterator["Workers"]:
    async with AsyncExitStack() as stack:
        yield Workers(table, stack)


class Workers:
    """Puts workers behind the gateway; they end with the test."""

    def __init__(self, table: Table, stack: AsyncExitStack) -> None:
        self._table = table
        self._stack = stack

    async def add(self, *, context_length: int = 4096, names: tuple[str, ...] = ("m",)) -> str:
        engine = ScriptedEngine(Options(names=names, context_length=context_length))
        url = await self._stack.enter_async_context(serving(worker_app(engine)))
        self.know(url, names=names)
        return url

    async def add_raw(self, reply: bytes) -> str:
        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(reply)

        port = await self._stack.enter_async_context(RawServer(script).listening())
        self.know(f"http://127.0.0.1:{port}")
        return f"http://127.0.0.1:{port}"

    def know(self, url: str, *, names: tuple[str, ...] = ("m",)) -> None:
        self._table.put(WorkerEntry(address=url, model_names=names, dialects=("openai",)))


def said(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return str(response.json()["choices"][0]["message"]["content"])


async def test_an_alias_reaches_the_worker_under_the_models_own_name(
    gateway: httpx.AsyncClient, workers: Workers, table: Table
) -> None:
    await workers.add()
    table.routes = Routes(aliases={"gpt-3.5-turbo": "m"})
    assert said(await gateway.post(CHAT, json=ASK | {"model": "gpt-3.5-turbo"})) == answer(
        "user: hi", 64
    )
    listed = (await gateway.get("/v1/models")).json()["data"]
    assert [card["id"] for card in listed] == ["gpt-3.5-turbo", "m"]


async def test_a_model_without_workers_falls_back(
    gateway: httpx.AsyncClient, workers: Workers, table: Table
) -> None:
    await workers.add(names=("small",))
    table.routes = Routes(fallbacks={"m": ("small",)})
    assert (await gateway.post(CHAT, json=ASK)).json()["model"] == "small"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_that_is_too_long_goes_to_a_model_that_holds_it(
    gateway: httpx.AsyncClient, workers: Workers, table: Table, stream: bool
) -> None:
    await workers.add(context_length=20)
    await workers.add(context_length=40, names=("longer",))
    await workers.add(context_length=400, names=("longest",))
    table.routes = Routes(context_fallbacks={"m": ("gone", "longer", "longest")})
    body = ASK | {"stream": stream, "messages": [{"role": "user", "content": "w " * 100}]}
    assert '"model":"longest"' in (await gateway.post(CHAT, json=body)).text
    body["messages"] = [{"role": "user", "content": "w " * 1000}]
    refusal = await gateway.post(CHAT, json=body)
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (400, 40303)


async def test_a_full_model_is_refused_without_asking_its_workers(
    gateway: httpx.AsyncClient, table: Table, dispatched: list[Dispatched]
) -> None:
    for _ in range(3):
        url = f"http://127.0.0.1:{free_port()}"
        full = WorkerEntry(address=url, model_names=("m",), queue_length=8, capacity=8, wait_s=4.2)
        table.put(full)
    refusal = await gateway.post(CHAT, json=ASK | {"stream": True})
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (503, 42903)
    assert refusal.headers["retry-after"] == "5"
    assert dispatched == []


async def test_of_a_burst_as_many_are_served_as_there_is_room_for(
    table: Table, dispatched: list[Dispatched]
) -> None:
    """Fault 16: the rest is refused before a worker is asked, and nobody sees a 500."""
    go = asyncio.Event()
    engine = ScriptedEngine(Options(names=("m",)), sleep=lambda _: go.wait())
    service = gateway_service(table, report=dispatched.append, timeout_s=30)
    async with (
        serving(worker_app(engine, slots=2)) as worker,
        serving(service.app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client,
    ):
        room = WorkerEntry(address=worker, model_names=("m",), dialects=("openai",), capacity=3)
        table.put(room)
        burst = [asyncio.create_task(client.post(CHAT, json=ASK)) for _ in range(20)]
        await until(lambda: sum(one.done() for one in burst) == 17)
        go.set()
        answers = await asyncio.gather(*burst)
    assert Counter(answer.status_code for answer in answers) == {200: 3, 503: 17}
    assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 503)
    assert len(dispatched) == 3


async def test_a_worker_that_said_it_is_full_is_not_asked_by_the_next(
    gateway: httpx.AsyncClient, workers: Workers, dispatched: list[Dispatched]
) -> None:
    full = await workers.add_raw(FULL)
    await workers.add()
    for _ in range(3):
        said(await gateway.post(CHAT, json=ASK))
    assert [one.ret for one in dispatched].count(full) == 1


async def test_a_worker_that_fails_again_and_again_is_left_alone(
    gateway: httpx.AsyncClient, workers: Workers, dispatched: list[Dispatched]
) -> None:
    broken = await workers.add_raw(BROKEN)
    await workers.add()
    statuses = [(await gateway.post(CHAT, json=ASK)).status_code for _ in range(10)]
    assert statuses == [500] * 3 + [200] * 7
    assert [one.ret for one in dispatched].count(broken) == 3


async def test_without_a_budget_nothing_is_done_twice(
    gateway: httpx.AsyncClient, workers: Workers, table: Table, dispatched: list[Dispatched]
) -> None:
    table.budget = RetryBudget(share=0, least=0)
    workers.know(f"http://127.0.0.1:{free_port()}")
    await workers.add()
    assert (await gateway.post(CHAT, json=ASK)).status_code == 503
    assert len(dispatched) == 1


@pytest.mark.parametrize("by", ["header", "user"])
async def test_a_session_stays_with_its_worker(
    gateway: httpx.AsyncClient,
    workers: Workers,
    table: Table,
    dispatched: list[Dispatched],
    by: str,
) -> None:
    table.policy = "session_sticky"
    for _ in range(4):
        await workers.add()
    for session in [f"user-{number}" for number in range(10)] * 2:
        headers = {"x-session-id": session} if by == "header" else {}
        body = ASK if by == "header" else ASK | {"user": session}
        said(await gateway.post(CHAT, json=body, headers=headers))
    homes = [one.ret for one in dispatched]
    assert homes[:10] == homes[10:]
    assert len(set(homes)) > 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[aliases", "Expected"),
        ("[alias]\na = 'b'", "unknown field `alias`"),
        ("[aliases]\na = 'b'\nb = 'c'", "an alias itself"),
    ],
)
def test_routes_that_make_no_sense_are_told_at_the_start(
    tmp_path: Path, text: str, fault: str
) -> None:
    path = tmp_path / "routes.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=fault):
        build(GatewayConfig(routes=path))
