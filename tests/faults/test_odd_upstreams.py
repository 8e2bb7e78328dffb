"""Workers that answer in pieces, too short, too long, twice, or in no language at all."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from fastchat.dispatch import Table
from fastchat.protocol.cluster import WorkerEntry
from tests.faults.conftest import Stack, request
from tests.servers import RawServer, raw, read_request

EVENTS = b"data: one\n\ndata: [DONE]\n\n"
PLAIN = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{"a": 1}'
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    b"b\r\ndata: one\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
)
ASK = {"model": "odd", "messages": "hi"}


def serving_odd(answer: bytes, *, byte_by_byte: bool) -> RawServer:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            for piece in [bytes([byte]) for byte in answer] if byte_by_byte else [answer]:
                writer.write(piece)
                await asyncio.sleep(0)

    return RawServer(script)


async def asked(stack: Stack, *, stream: bool) -> tuple[int, bytes]:
    body = json.dumps(ASK | {"stream": stream}).encode()
    answer = await raw(stack.port, request(body, headers=b"connection: close\r\n"))
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), content


@pytest.fixture
async def odd(answer: bytes, byte_by_byte: bool, table: Table) -> AsyncIterator[None]:
    async with serving_odd(answer, byte_by_byte=byte_by_byte).listening() as port:
        address = f"http://127.0.0.1:{port}"
        table.put(WorkerEntry(address=address, model_names=("odd",), dialects=("openai",)))
        yield


@pytest.mark.parametrize("byte_by_byte", [False, True])
@pytest.mark.parametrize("answer", [PLAIN])
@pytest.mark.usefixtures("odd")
async def test_a_plain_answer_may_come_in_any_pieces(stack: Stack) -> None:
    assert await asked(stack, stream=False) == (200, b'{"a": 1}')


@pytest.mark.parametrize("byte_by_byte", [False, True])
@pytest.mark.parametrize("answer", [CHUNKED])
@pytest.mark.usefixtures("odd")
async def test_a_stream_may_come_in_any_pieces(stack: Stack) -> None:
    status, content = await asked(stack, stream=True)
    lines = content.split(b"\r\n")
    assert (status, b"".join(lines[1::2])) == (200, EVENTS)


@pytest.mark.parametrize("byte_by_byte", [False])
@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\noops",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nwhat?",
    ],
)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.usefixtures("odd")
async def test_no_answer_at_all_is_an_error_in_json(stack: Stack, stream: bool) -> None:
    status, content = await asked(stack, stream=stream)
    assert status in (500, 503)
    assert json.loads(content)["error"]["message"]


@pytest.mark.parametrize("byte_by_byte", [False])
@pytest.mark.parametrize("answer", [PLAIN + PLAIN.replace(b"1", b"2")])
@pytest.mark.usefixtures("odd")
async def test_a_second_answer_is_nobodys(stack: Stack) -> None:
    for _ in range(3):
        assert await asked(stack, stream=False) == (200, b'{"a": 1}')


@pytest.mark.parametrize("byte_by_byte", [False])
@pytest.mark.parametrize("answer", [CHUNKED.replace(b"e\r\ndata: [", b"zz\r\ndata: [")])
@pytest.mark.usefixtures("odd")
async def test_a_stream_that_turns_to_garbage_ends_in_one_error_event(stack: Stack) -> None:
    status, content = await asked(stack, stream=True)
    assert status == 200
    assert content.count(b'"error":{') == 1
    assert content.endswith(b"0\r\n\r\n")
