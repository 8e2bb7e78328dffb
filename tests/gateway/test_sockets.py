"""The ways through the gateway over raw sockets: what a client library would hide."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import h11
import pytest

from fastchat.dispatch import Table
from fastchat.gateway.keys import KeyRing
from fastchat.relay.server import Server
from tests.servers import RawServer, connected, raw, read_request, until

AddWorker = Callable[[str], None]
BODY = b'{"model": "m", "messages": "hi"}'
STREAM = b'{"model": "m", "messages": "hi", "stream": true}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture
def said() -> list[bytes]:
    """The bodies that reached the worker."""
    return []


@pytest.fixture
async def worker(said: list[bytes], add_worker: AddWorker) -> AsyncIterator[RawServer]:
    """Answers with the number of the request; streams in two events."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await read_request(reader)
            said.append(body)
            number = b"%d" % len(said)
            if b"stream" in body:
                writer.write(
                    HEAD + chunk(b"data: one\n\n") + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
                )
            else:
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(number) + number
                )

    server = RawServer(script)
    async with server.listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        yield server


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def post(body: bytes = BODY, *headers: str, version: str = "1.1") -> bytes:
    lines = [f"POST /v1/chat/completions HTTP/{version}", "host: x", *headers]
    if not any("transfer-encoding" in header for header in headers):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def parsed(answers: bytes) -> list[tuple[int, bytes]]:
    """As a strict parser of somebody else's understands it."""
    found = []
    while answers:
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
        parser.send(h11.EndOfMessage())
        parser.receive_data(answers)
        status, body = 0, b""
        while not isinstance(event := parser.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            assert event is not h11.NEED_DATA, "the answer has no end"
        found.append((status, body))
        answers = parser.trailing_data[0]
    return found


async def test_pipelined_requests_are_answered_in_order(server: Server, worker: RawServer) -> None:
    requests = [post(), post(STREAM), post(b"{"), post(), post(BODY, "connection: close")]
    answers = parsed(await raw(server.config.port, b"".join(requests)))
    assert [status for status, _ in answers] == [200, 200, 400, 200, 200]
    assert [body for _, body in answers if len(body) < 9] == [b"1", b"3", b"4"]


async def test_a_row_of_refusals_is_as_long_as_it_likes(server: Server, worker: RawServer) -> None:
    rows = post(b"{") * 2000 + post(b"{", "connection: close")
    received = await raw(server.config.port, rows)
    assert received.count(b"HTTP/1.1 400 ") == 2001


async def test_pages_and_completions_take_turns_on_one_connection(
    server: Server, worker: RawServer
) -> None:
    page = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
    last = b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answers = parsed(await raw(server.config.port, page + post() + page + post() + last))
    assert [status for status, _ in answers] == [200] * 5
    assert (answers[1][1], answers[3][1]) == (b"1", b"2")


async def test_a_client_that_expects_100_hears_it_before_it_sends(
    server: Server, worker: RawServer
) -> None:
    head, body = post(BODY, "expect: 100-continue", "connection: close").split(b"\r\n\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", server.config.port)
    writer.write(head + b"\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert parsed(await reader.read()) == [(200, b"1")]
    writer.close()


@pytest.mark.parametrize("keys", [KeyRing.of(["sk-1"])])
async def test_a_client_that_expects_100_may_hear_a_refusal(server: Server) -> None:
    head = post(BODY, "expect: 100-continue").split(b"\r\n\r\n")[0]
    async with connected(server.config.port, head + b"\r\n\r\n") as reader:
        assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")


async def test_a_chunked_request_is_joined(
    server: Server, worker: RawServer, said: list[bytes]
) -> None:
    pieces = b"".join(chunk(BODY[i : i + 5]) for i in range(0, len(BODY), 5)) + b"0\r\n\r\n"
    message = post(pieces, "transfer-encoding: chunked", "connection: close")
    assert parsed(await raw(server.config.port, message)) == [(200, b"1")]
    assert said == [BODY]


@pytest.mark.parametrize("body", [BODY, STREAM])
@pytest.mark.parametrize("headers", [(), ("connection: keep-alive",)])
async def test_http_1_0_gets_an_answer_without_chunks_and_its_end(
    server: Server, worker: RawServer, body: bytes, headers: tuple[str, ...]
) -> None:
    answer = await raw(server.config.port, post(body, *headers, version="1.0"))
    head, _, content = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert content == (b"data: one\n\ndata: [DONE]\n\n" if body is STREAM else b"1")


async def test_a_request_may_come_byte_by_byte(
    server: Server, worker: RawServer, said: list[bytes]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.config.port)
    for byte in post(BODY, "connection: close"):
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    assert parsed(await reader.read()) == [(200, b"1")]
    assert said == [BODY]
    writer.close()


async def test_a_client_that_leaves_at_any_byte_leaves_nothing_behind(
    server: Server, worker: RawServer, table: Table
) -> None:
    message = post(STREAM)
    for cut in range(0, len(message), 7):
        async with connected(server.config.port, message[:cut]):
            pass
    await until(lambda: not server.server_state.connections)
    assert table.choose("m").dispatched.queue_lens == (0.0,)


async def test_a_query_changes_nothing(server: Server, worker: RawServer) -> None:
    message = post(BODY, "connection: close").replace(b"completions ", b"completions?a=b ")
    assert parsed(await raw(server.config.port, message)) == [(200, b"1")]


async def test_a_browser_hears_what_it_may(server: Server, worker: RawServer) -> None:
    answer = await raw(server.config.port, post(BODY, "origin: http://a", "connection: close"))
    assert b"access-control-allow-origin: *\r\n" in answer


async def test_a_large_body_is_refused_before_it_has_come(
    server: Server, worker: RawServer
) -> None:
    head = post(b"", "transfer-encoding: chunked")
    answer = await raw(server.config.port, head + chunk(b"x" * 1000) * 300)
    ((status, body),) = parsed(answer)
    assert (status, json.loads(body)["error"]["type"]) == (413, "invalid_request_error")
