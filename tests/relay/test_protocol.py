import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from starlette.types import Receive, Scope, Send

from fastchat.core.errors import PlatformError
from fastchat.relay.edge import read_body, unless_gone
from fastchat.relay.protocol import Bounds, EdgeProtocol
from fastchat.relay.server import Server
from tests.servers import connected, raw, running, until

QUICK = Bounds(check_s=0.02, read_s=0.1, unread_s=0.2)
Check = Callable[[EdgeProtocol, float], None]

POST = b"POST / HTTP/1.1\r\nhost: x\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Says what it was sent; without an end when that was `flood`."""
    if scope["type"] != "http":
        return
    body = await read_body(receive, 1_000_000)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if body == b"flood":
        await unless_gone(receive, flood(send), nothing)
        return
    await send({"type": "http.response.body", "body": body})


async def flood(send: Send) -> None:
    while True:
        await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
        await asyncio.sleep(0)


async def nothing(_: PlatformError) -> None:
    pass


@pytest.fixture
def bounds() -> Bounds:
    return QUICK


@pytest.fixture
async def server(bounds: Bounds) -> AsyncIterator[Server]:
    async with running(echo, bounds=bounds) as server:
        yield server


def refusal(answer: bytes) -> tuple[int, str]:
    """Status and message of the one answer that came."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json\r\n" in head
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)["error"]["message"]


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 20_000_000 + b" HTTP/1.1\r\n",
        POST + b"x: " + b"y" * 20_000_000,
        POST + b"".join(b"x-%d: y\r\n" % i for i in range(100_000)) + b"\r\n",
        POST + b"".join(b"x-%d: %s\r\n" % (i, b"y" * 1000) for i in range(90)) + b"\r\n",
    ],
)
async def test_a_long_head_is_refused_before_it_has_come(server: Server, head: bytes) -> None:
    status, message = refusal(await raw(server.config.port, head))
    assert (status, "65536 bytes or 100 headers" in message) == (431, True)


@pytest.mark.parametrize(
    "request_",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS where none is spoken
        b"GET / HTTP/2.0\r\nhost: x\r\n\r\n",
        b"GET http://[/ HTTP/1.1\r\nhost: x\r\n\r\n",
        POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        POST + b"content-length: -5\r\n\r\n",
        POST + b"content-length : 5\r\n\r\nhello",
        POST + b"transfer-encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
async def test_what_is_no_http_is_refused_as_json(server: Server, request_: bytes) -> None:
    assert refusal(await raw(server.config.port, request_))[0] == 400


@pytest.mark.parametrize(
    "beginning",
    [
        b"P",
        POST,
        POST + b"content-length: 5\r\n\r\nhell",
        POST + b"transfer-encoding: chunked\r\n\r\n5\r\nhell",
    ],
)
async def test_a_request_that_does_not_go_on_is_ended(server: Server, beginning: bytes) -> None:
    assert refusal(await raw(server.config.port, beginning))[0] == 408


async def test_one_who_stays_after_the_refusal_is_closed(server: Server) -> None:
    async with connected(server.config.port, POST):
        await until(lambda: server.server_state.connections)
        (connection,) = server.server_state.connections
        assert isinstance(connection, EdgeProtocol)
        await until(lambda: connection._awaited == "head")
        connection.check(connection.loop.time() + 1)  # refused, and told to go
        closing_at = connection._closing_at
        assert closing_at is not None
        connection.check(closing_at)  # the very moment: nothing is to be written any more
        await until(lambda: not server.server_state.connections)
    assert refusal(await raw(server.config.port, POST))[0] == 408


async def test_a_fault_with_one_client_does_not_end_the_bounds_for_all(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(server.config.port):
        await until(lambda: server.server_state.connections)
        (broken,) = server.server_state.connections

        rightly: Check = EdgeProtocol.check

        def check(connection: EdgeProtocol, now: float) -> None:
            if connection is broken:
                raise ZeroDivisionError
            rightly(connection, now)

        monkeypatch.setattr(EdgeProtocol, "check", check)
        await until(lambda: broken not in server.server_state.connections)
    assert refusal(await raw(server.config.port, POST))[0] == 408
    assert "ZeroDivisionError" in caplog.text


async def test_a_connection_that_asks_nothing_is_closed_without_a_word(server: Server) -> None:
    assert await raw(server.config.port, b"") == b""


@pytest.mark.parametrize("bounds", [Bounds()])
async def test_slow_clients_do_not_hold_up_others(server: Server) -> None:
    port, open_connections = server.config.port, server.server_state.connections
    slow = [asyncio.create_task(raw(port, POST)) for _ in range(500)]
    await until(lambda: len(open_connections) == 500)
    quick = POST + b"connection: close\r\ncontent-length: 5\r\n\r\nhello"
    assert b"hello" in await raw(port, quick)
    for connection in list(open_connections):
        assert isinstance(connection, EdgeProtocol)
        connection.check(asyncio.get_running_loop().time() + 10)
    assert {refusal(answer)[0] for answer in await asyncio.gather(*slow)} == {408}
    await until(lambda: not open_connections)


async def test_a_client_that_reads_nothing_is_let_go(server: Server) -> None:
    flood = POST + b"content-length: 5\r\n\r\nflood"
    async with connected(server.config.port, flood, limit=1):
        await until(lambda: server.server_state.tasks)
        await until(lambda: not server.server_state.tasks)
        assert not server.server_state.connections


async def test_a_client_that_reads_slowly_is_not(server: Server) -> None:
    flood = POST + b"content-length: 5\r\n\r\nflood"
    loop = asyncio.get_running_loop()
    async with connected(server.config.port, flood, limit=1) as reader:
        began, size = loop.time(), 0
        while loop.time() - began < 4 * QUICK.unread_s:
            size += len(await reader.read(10_000))
            await asyncio.sleep(0.005)
        assert server.server_state.tasks
        assert size > 0


async def test_the_kernel_holds_little_and_holds_nothing_back(server: Server) -> None:
    async with connected(server.config.port):
        await until(lambda: server.server_state.connections)
        (connection,) = server.server_state.connections
        assert isinstance(connection, EdgeProtocol)
        tcp = connection.transport.get_extra_info("socket")
        assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * QUICK.send_buffer_bytes


async def test_a_client_that_vanishes_is_found_out_by_the_kernel(server: Server) -> None:
    async with connected(server.config.port):
        await until(lambda: server.server_state.connections)
        (connection,) = server.server_state.connections
        assert isinstance(connection, EdgeProtocol)
        tcp = connection.transport.get_extra_info("socket")
        assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == QUICK.gone_s * 1000
        assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < QUICK.gone_s


async def test_a_wish_for_another_protocol_is_passed_over(server: Server) -> None:
    wish = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n"
    first = POST + wish + b"content-length: 5\r\n\r\nhello"
    second = POST + b"connection: close\r\ncontent-length: 5\r\n\r\nagain"
    answer = await raw(server.config.port, first + second)
    assert [b"hello" in answer, b"again" in answer] == [True, True]


async def test_who_wishes_and_wants_to_close_is_closed(server: Server) -> None:
    wish = b"connection: close, Upgrade\r\nupgrade: h2c\r\n"
    answer = await raw(server.config.port, POST + wish + b"content-length: 5\r\n\r\nhello")
    assert b"hello" in answer
    assert b"connection: close\r\n" in answer


async def test_a_tunnel_is_refused(server: Server) -> None:
    answer = await raw(server.config.port, b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n")
    assert refusal(answer) == (400, "This server is no proxy: it knows no CONNECT.")


async def test_what_follows_a_request_and_is_no_http_does_not_spoil_its_answer(
    server: Server,
) -> None:
    answer = await raw(server.config.port, POST + b"content-length: 5\r\n\r\nhello" + b"\x00" * 9)
    assert answer.count(b"HTTP/1.1") == 1
    assert answer.endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
