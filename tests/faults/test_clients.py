"""Rows 14, 17 and 18 of the fault table, through gateway and worker: clients that leave, that talk
nonsense, that send too much."""

import asyncio
import contextlib
import json

import pytest

from tests.faults.conftest import Stack, request
from tests.scripted import ScriptedEngine
from tests.servers import connected, raw, until

CLOSE = b"connection: close\r\n"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_stops_the_engine(
    stack: Stack, engine: ScriptedEngine, stream: bool
) -> None:
    engine.held = asyncio.Event()
    body = json.dumps({"model": "m", "messages": "hi", "stream": stream}).encode()
    for _ in range(3):
        async with connected(stack.port, request(body)):
            await until(lambda: engine.running)
        await until(lambda: not engine.running)
    engine.held.set()
    last = await raw(stack.port, request(body, headers=CLOSE))
    assert last.startswith(b"HTTP/1.1 200 "), "a slot was lost"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"model": "m", "messages": [NaN]}',
        b'{"model": "m", "messages": "hi", "temperature": 1e999}',
        b'{"model": "m", "messages": "\xff"}',
        b'{"model": "m", "messages": "\\ud800"}',
        b'{"model": "m", "x": ' + b"[" * 90_000,
    ],
)
async def test_nonsense_is_a_refusal_in_json(
    stack: Stack, engine: ScriptedEngine, body: bytes
) -> None:
    head, _, content = (await raw(stack.port, request(body, headers=CLOSE))).partition(b"\r\n\r\n")
    assert head.split()[1] in (b"400", b"413", b"422")
    assert json.loads(content)["error"]["type"] == "invalid_request_error"
    assert engine.running == 0


async def test_little_is_read_of_a_body_that_is_too_large(stack: Stack) -> None:
    head = request(b"").replace(b"content-length: 0", b"content-length: 100000000")
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    writer.write(head)
    hearing = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
    sent = 0
    while not hearing.done() and sent < 100_000_000:
        writer.write(b"x" * 50_000)
        sent += 50_000
        with contextlib.suppress(ConnectionError):  # it ends while we still write
            await writer.drain()
        await asyncio.sleep(0)
    assert (await hearing).startswith(b"HTTP/1.1 413 ")
    writer.transport.abort()
    assert sent < 20_000_000  # what the kernels hold, and what we throw away
