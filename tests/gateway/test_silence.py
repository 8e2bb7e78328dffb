"""Requests whose workers say nothing: deadlines, stalls and comments that keep a stream alive."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from random import Random
from typing import NamedTuple

import httpx
import pytest

from fastchat.dispatch import Table
from fastchat.engines.scripted import Options, ScriptedEngine, answer
from fastchat.gateway.config import RELAYS
from fastchat.protocol.cluster import COUNTS, RESUMES, WorkerEntry
from tests.apps import gateway_service, worker_app
from tests.servers import running, serving, until

CHAT = "/v1/chat/completions"
SHORT = {"x-request-timeout": "0.3"}
OPTIONS = Options(names=("m",), slow_s=1.0)


class Limits(NamedTuple):
    stall_s: float = 30
    keep_alive_s: float = 0


def ask(said: str = "hi", *, stream: bool = True) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": said}], "stream": stream}


def text_of(response: httpx.Response) -> str:
    *said, done = [e for e in response.text.split("\n\n") if e and e[0] != ":"]
    assert done == "data: [DONE]", response.text[-500:]
    chunks = [json.loads(event.removeprefix("data: ")) for event in said]
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)


def code_of(response: httpx.Response) -> int:
    """Of the error that an answer is, or in which a stream ended."""
    last = [part for part in response.text.split("\n\n") if part][-1]
    return int(json.loads(last.removeprefix("data: "))["error"]["code"])


@pytest.fixture
def engines() -> list[ScriptedEngine]:
    return []


@pytest.fixture
def limits() -> Limits:
    """What the gateway of a test does before half a minute of silence."""
    return Limits()


@pytest.fixture(params=RELAYS)
async def client(
    request: pytest.FixtureRequest, engines: list[ScriptedEngine], limits: Limits
) -> AsyncIterator[httpx.AsyncClient]:
    table = Table(lambda: 0.0, Random(0), "round_robin")
    service = gateway_service(
        table,
        report=lambda _: None,
        timeout_s=30,
        stall_s=limits.stall_s,
        keep_alive_s=limits.keep_alive_s,
    )
    endpoints = service.endpoints if request.param == "below-asgi" else {}
    async with AsyncExitStack() as stack:
        for engine in engines:
            url = await stack.enter_async_context(serving(worker_app(engine, slots=1)))
            entry = WorkerEntry(
                address=url, model_names=("m",), dialects=("openai", COUNTS, RESUMES)
            )
            table.put(entry)
        server = await stack.enter_async_context(running(service.app, endpoints=endpoints))
        url = f"http://127.0.0.1:{server.config.port}"
        yield await stack.enter_async_context(
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=60)
        )
        await until(lambda: not any(engine.running for engine in engines))
        assert all(load == 0 for load in table.choose("m").dispatched.queue_lens)


ONE, TWO = [ScriptedEngine(OPTIONS)], [ScriptedEngine(OPTIONS), ScriptedEngine(OPTIONS)]


@pytest.mark.parametrize("engines", [ONE])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_deadline_that_passes_in_the_queue_never_reaches_the_engine(
    client: httpx.AsyncClient, engines: list[ScriptedEngine], stream: bool
) -> None:
    """Fault 15."""
    first = asyncio.create_task(client.post(CHAT, json=ask("[[stall]]")))
    await until(lambda: engines[0].running)
    late = await client.post(CHAT, json=ask(stream=stream), headers=SHORT)
    assert (late.status_code, code_of(late)) == (504, 50006)
    assert engines[0].running == 1
    first.cancel()


@pytest.mark.parametrize("engines", [ONE])
async def test_clients_without_patience_close_no_worker(
    client: httpx.AsyncClient, engines: list[ScriptedEngine]
) -> None:
    first = asyncio.create_task(client.post(CHAT, json=ask("[[stall]]")))
    await until(lambda: engines[0].running)
    for _ in range(4):
        hasty = await client.post(CHAT, json=ask(), headers={"x-request-timeout": "0.002"})
        assert hasty.status_code == 504
    first.cancel()
    await until(lambda: not engines[0].running)
    assert text_of(await client.post(CHAT, json=ask())) == answer("user: hi", 64)


@pytest.mark.parametrize("engines", [ONE])
async def test_a_deadline_ends_a_stream_in_one_error(client: httpx.AsyncClient) -> None:
    late = await client.post(CHAT, json=ask("[[stall]]"), headers=SHORT)
    assert (late.status_code, code_of(late), late.text.count("error_code")) == (200, 50006, 1)


@pytest.mark.parametrize("engines", [ONE])
@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan", "1e9"])
async def test_a_deadline_that_is_none_is_refused(client: httpx.AsyncClient, value: str) -> None:
    refusal = await client.post(CHAT, json=ask(), headers={"x-request-timeout": value})
    assert (refusal.status_code, refusal.json()["error"]["param"]) == (400, "x-request-timeout")


@pytest.mark.parametrize("engines", [TWO])
@pytest.mark.parametrize("limits", [Limits(0.3, 0)])
async def test_a_stream_that_stalls_goes_on_elsewhere(client: httpx.AsyncClient) -> None:
    answered = await client.post(CHAT, json=ask("[[stall 7]]"))
    assert text_of(answered) == answer("user: [[stall 7]]", 64)


@pytest.mark.parametrize("engines", [TWO])
@pytest.mark.parametrize("limits", [Limits(0.1, 0)])
async def test_a_long_wait_for_the_first_token_is_no_stall(client: httpx.AsyncClient) -> None:
    answered = await client.post(CHAT, json=ask("[[slow 0]]"))
    assert "tries;desc=1" in answered.headers["server-timing"]
    assert text_of(answered) == answer("user: [[slow 0]]", 64)


@pytest.mark.parametrize("engines", [ONE])
@pytest.mark.parametrize("limits", [Limits(0.1, 0)])
async def test_a_stall_is_waited_for_when_there_is_nobody_else(client: httpx.AsyncClient) -> None:
    answered = await client.post(CHAT, json=ask("[[slow 5]]"))
    assert text_of(answered) == answer("user: [[slow 5]]", 64)


@pytest.mark.parametrize("engines", [ONE])
@pytest.mark.parametrize("limits", [Limits(30, 0.2)])
@pytest.mark.parametrize("at", [0, 5])
async def test_a_silent_stream_is_kept_alive(client: httpx.AsyncClient, at: int) -> None:
    said = f"[[slow {at}]]"
    answered = await client.post(CHAT, json=ask(said))
    assert ": keep-alive\n\n" in answered.text
    assert text_of(answered) == answer(f"user: {said}", 64)
    whole = await client.post(CHAT, json=ask(said, stream=False))
    assert whole.json()["choices"][0]["message"]["content"] == answer(f"user: {said}", 64)
    assert whole.headers["content-type"] == "application/json"


@pytest.mark.parametrize("engines", [ONE])
@pytest.mark.parametrize("limits", [Limits(30, 0.1)])
async def test_after_a_comment_an_error_is_an_event(
    client: httpx.AsyncClient, engines: list[ScriptedEngine]
) -> None:
    first = asyncio.create_task(client.post(CHAT, json=ask("[[stall]]")))
    await until(lambda: engines[0].running)
    headers = {"x-request-timeout": "0.8"}
    late = await client.post(CHAT, json=ask(), headers=headers)
    assert (late.status_code, code_of(late)) == (200, 50006)
    assert late.headers["content-type"] == "text/event-stream"
    first.cancel()
