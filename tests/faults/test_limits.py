"""Rows 15, 20 and 21 of the fault table, through gateway and worker: time that is over, clients
that dawdle, prompts that do not fit."""

import asyncio
import json

import pytest

from fastchat.core.codes import ErrorCode
from fastchat.relay.protocol import EdgeProtocol
from tests.faults.conftest import CHAT, Stack, request
from tests.scripted import ScriptedEngine
from tests.servers import raw, until

CLOSE = b"connection: close\r\n"
SLOW = 500


def asking(said: str = "hi", *, stream: bool = False) -> bytes:
    messages = [{"role": "user", "content": said}]
    return json.dumps({"model": "m", "messages": messages, "stream": stream}).encode()


def refusal(answer: bytes) -> tuple[int, dict[str, object]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]


@pytest.mark.parametrize("stream", [False, True])
async def test_row_15_a_deadline_that_ends_in_the_queue(
    stack: Stack, engine: ScriptedEngine, stream: bool
) -> None:
    engine.held = asyncio.Event()
    whole = request(asking(), headers=CLOSE)
    running = [asyncio.create_task(raw(stack.port, whole)) for _ in range(2)]
    await until(lambda: engine.running == 2)
    late = request(asking("late", stream=stream), headers=CLOSE + b"x-request-timeout: 0.2\r\n")
    status, error = refusal(await raw(stack.port, late))
    assert (status, error["code"]) == (504, ErrorCode.CONTROLLER_WORKER_TIMEOUT)
    engine.held.set()
    assert [answer.split()[1] for answer in await asyncio.gather(*running)] == [b"200", b"200"]
    assert (await raw(stack.port, whole)).startswith(b"HTTP/1.1 200 "), "its place is free"
    assert len(engine.asked) == 3, "the engine never heard of it"


async def test_row_20_five_hundred_slow_clients(stack: Stack, engine: ScriptedEngine) -> None:
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\n".encode()
    beginnings = (head, head + b"content-length: 100\r\n\r\n{", b"P")
    slow = [
        asyncio.create_task(raw(stack.port, beginnings[number % len(beginnings)]))
        for number in range(SLOW)
    ]
    there = stack.gateway.server_state.connections
    await until(lambda: len(there) == SLOW, timeout_s=60)
    quick = await raw(stack.port, request(asking(), headers=CLOSE))
    assert quick.startswith(b"HTTP/1.1 200 ")
    for connection in list(there):
        assert isinstance(connection, EdgeProtocol)
        connection.check(asyncio.get_running_loop().time() + 10)
    assert {refusal(answer)[0] for answer in await asyncio.gather(*slow)} == {408}
    await until(lambda: not there)
    assert len(engine.asked) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_row_21_a_prompt_that_does_not_fit(
    stack: Stack, engine: ScriptedEngine, stream: bool
) -> None:
    long = asking("word " * (engine.context_length + 1), stream=stream)
    status, error = refusal(await raw(stack.port, request(long, headers=CLOSE)))
    assert (status, error["code"]) == (400, ErrorCode.CONTEXT_OVERFLOW)
    assert "context_length_exceeded" in str(error["message"])
    assert (engine.asked, engine.running) == ([], 0)
