"""A drain whose time is over cuts what still runs, but not without a word."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from fastchat.core.generation import Chunk, GenerationRequest
from fastchat.dispatch import Table
from fastchat.protocol.cluster import WorkerEntry
from tests.apps import worker_app
from tests.faults.conftest import Stack, request
from tests.scripted import ScriptedEngine
from tests.servers import connected, raw, serving, until


class StuckEngine(ScriptedEngine):
    """Says one word and then nothing more."""

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        async for chunk in super().generate(request):
            yield chunk
            await asyncio.Event().wait()


@pytest.fixture
def engine() -> ScriptedEngine:
    return StuckEngine()


@pytest.fixture
def drain_s() -> float:
    return 0


@pytest.fixture(params=["gateway", "worker"])
def ending(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def end(stack: Stack, who: str) -> None:
    server = stack.gateway if who == "gateway" else stack.worker
    server.should_exit = True


async def test_a_plain_answer_that_was_cut_is_refused_as_json(
    stack: Stack, engine: ScriptedEngine, ending: str
) -> None:
    message = request(json.dumps({"model": "m", "messages": "hi"}).encode())
    asking = asyncio.create_task(raw(stack.port, message))
    await until(lambda: engine.running)
    end(stack, ending)
    stack.gateway.should_exit = True  # it closes the connection, once it has answered
    head, _, body = (await asking).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in head
    assert "shutting down" in json.loads(body)["error"]["message"]


async def test_a_stream_that_was_cut_ends_in_one_error_event(stack: Stack, ending: str) -> None:
    body = json.dumps({"model": "m", "messages": "hi", "stream": True}).encode()
    message = request(body, headers=b"connection: close\r\n")
    async with connected(stack.port, message) as reader:
        said = await reader.readuntil(b"one")
        end(stack, ending)
        said += await reader.read()
    assert said.endswith(b"\r\n0\r\n\r\n"), "the answer did not end as HTTP wants it"
    last = said.split(b"data: ")[-1].split(b"\n\n")[0]
    assert "shutting down" in json.loads(last)["error"]["message"]
    assert said.count(b'"error":{') == 1


async def test_a_stream_of_0_2_36_that_was_cut_ends_in_one_message(stack: Stack) -> None:
    body = json.dumps({"model": "m", "prompt": "hi"}).encode()
    message = request(body, path="/worker_generate_stream", headers=b"connection: close\r\n")
    async with connected(stack.worker.config.port, message) as reader:
        await reader.readuntil(b"\0")
        end(stack, "worker")
        said = await reader.read()
    assert b"shutting down" in said
    assert said.count(b"\0") == 1


@pytest.fixture
async def other(table: Table) -> AsyncIterator[ScriptedEngine]:
    """The engine of a second worker, which is asked when the first will not do."""
    engine = ScriptedEngine()
    async with serving(worker_app(engine)) as url:
        table.put(
            WorkerEntry(address=url, model_names=("m",), dialects=("openai",), queue_length=9)
        )
        yield engine


async def test_what_a_worker_cannot_finish_is_asked_for_elsewhere(
    stack: Stack, engine: ScriptedEngine, other: ScriptedEngine
) -> None:
    body = json.dumps({"model": "m", "messages": "hi"}).encode()
    message = request(body, headers=b"connection: close\r\n")
    asking = asyncio.create_task(raw(stack.port, message))
    await until(lambda: engine.running)
    end(stack, "worker")
    assert (await asking).startswith(b"HTTP/1.1 200 ")
    assert len(other.asked) == 1
