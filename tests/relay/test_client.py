import asyncio
from collections.abc import AsyncIterator

import pytest

from fastchat.core.upstream import Upstream
from fastchat.relay import Limits, Relay, UpstreamFault, opened
from fastchat.relay.response import Response
from fastchat.relay.work import Header
from tests.servers import RawServer, read_request, until

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    relay = Relay(Limits(silence_s=0.2, connect_s=2))
    yield relay
    await relay.aclose()


def answering(*answers: bytes) -> RawServer:
    """Each request on a connection gets the next answer; then the connection is closed."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()

    return RawServer(script)


async def ask(relay: Relay, port: int) -> tuple[int, bytes]:
    response = await opened(relay, Upstream("127.0.0.1", port), b"/x", body=b"{}")
    return response.status, await response.whole()


async def test_an_answer_comes_back_whole(relay: Relay) -> None:
    async with answering(OK).listening() as port:
        assert await ask(relay, port) == (200, b"hello")


async def test_the_request_carries_the_path_the_headers_and_the_body(relay: Relay) -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(OK)

    async with RawServer(script).listening() as port:
        upstream = Upstream("127.0.0.1", port, prefix="/p", headers=((b"x-own", b"1"),))
        headers = [(b"accept", b"*/*"), (b"connection", b"close"), (b"content-length", b"99")]
        response = await opened(relay, upstream, b"/x", headers=headers, body=b"{}")
        await response.whole()
    head, body = seen[0]
    assert head.startswith(b"POST /p/x HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n" % port)
    assert b"accept: */*\r\n" in head
    assert b"x-own: 1\r\n" in head
    assert b"connection" not in head
    assert b"content-length: 99" not in head
    assert body == b"{}"


async def test_connections_are_kept_and_used_again(relay: Relay) -> None:
    server = answering(OK, OK, OK)
    async with server.listening() as port:
        for _ in range(3):
            await ask(relay, port)
    assert server.connections == 1


async def test_no_connection_is_kept_to_who_is_replaced(relay: Relay) -> None:
    server = answering(OK, OK)
    async with server.listening() as port:
        await ask(relay, port)
        before = relay.to(Upstream("127.0.0.1", port))
        after = relay.anew(before.upstream)
        assert after is not before
        assert relay.to(before.upstream) is relay.to(Upstream("127.0.0.1", port)) is after
        assert await ask(relay, port) == (200, b"hello")
    assert server.connections == 2


async def test_a_kept_connection_that_died_is_replaced_unnoticed(relay: Relay) -> None:
    server = answering(OK)  # closes after one answer, without having said so
    async with server.listening() as port:
        for _ in range(3):
            assert await ask(relay, port) == (200, b"hello")
    assert server.connections == 3


@pytest.fixture
async def reopening() -> AsyncIterator[Relay]:
    relay = Relay(Limits(reopens=True))
    yield relay
    await relay.aclose()


async def test_who_closes_behind_each_answer_is_connected_to_in_advance(reopening: Relay) -> None:
    server = answering(OK)
    async with server.listening() as port:
        assert await ask(reopening, port) == (200, b"hello")
        await until(lambda: server.connections == 2)
        assert await ask(reopening, port) == (200, b"hello")
        await until(lambda: server.connections == 3)


async def test_a_connection_that_nobody_used_is_not_opened_again(reopening: Relay) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if server.connections == 1:
            await read_request(reader)
            writer.write(OK)

    server = RawServer(script)
    async with server.listening() as port:
        await ask(reopening, port)
        target = reopening.to(Upstream("127.0.0.1", port))
        await until(lambda: server.connections == 2 and target._reopening is None)
        await until(lambda: not reopening._shared.open and target._reopening is None)
        assert server.connections == 2


async def test_interim_answers_are_passed_over(relay: Relay) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    async with answering(interim + OK).listening() as port:
        assert await ask(relay, port) == (200, b"hello")


async def test_an_answer_without_a_length_ends_with_its_connection(relay: Relay) -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n\r\nto the end").listening() as port:
        assert await ask(relay, port) == (200, b"to the end")


@pytest.mark.parametrize(
    "cut",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
)
async def test_a_cut_answer_is_a_fault_and_not_an_end(relay: Relay, cut: bytes) -> None:
    async with answering(cut).listening() as port:
        with pytest.raises(UpstreamFault) as caught:
            await ask(relay, port)
    assert (caught.value.kind, caught.value.answered) == ("lost", True)


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000,
    ],
)
async def test_garbage_is_malformed(relay: Relay, garbage: bytes) -> None:
    async with answering(garbage).listening() as port:
        with pytest.raises(UpstreamFault, match="malformed"):
            await ask(relay, port)


async def test_nobody_there_is_a_fault_that_can_be_retried(relay: Relay) -> None:
    async with answering().listening() as port:
        pass
    with pytest.raises(UpstreamFault) as caught:
        await ask(relay, port)
    assert (caught.value.kind, caught.value.answered) == ("connect", False)


async def test_silence_has_a_limit(relay: Relay) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with RawServer(script).listening() as port:
        with pytest.raises(UpstreamFault, match="silent"):
            await ask(relay, port)


async def test_who_asks_again_when_one_is_silent_is_not_taken_for_silent_too() -> None:
    relay = Relay(Limits(silence_s=0.2, keep_alive_s=0.2))

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with RawServer(mute).listening() as silent, answering(OK, OK).listening() as other:
        await asyncio.gather(*(ask(relay, other) for _ in range(8)))  # eight grow old at rest
        again: list[asyncio.Future[tuple[int, bytes]]] = []

        class Moving(Response):
            def fault(self, fault: UpstreamFault) -> None:
                again.extend(Later(relay, Upstream("127.0.0.1", other)).answer for _ in range(8))
                super().fault(fault)

        first = Moving()
        first.call = relay.to(Upstream("127.0.0.1", silent)).post(first, b"/x", b"", b"{}")
        with pytest.raises(UpstreamFault, match="silent"):
            await first.opening()
        assert await asyncio.gather(*again) == [(200, b"hello")] * 8
    await relay.aclose()


class Later:
    """Asked at once, by callbacks; the answer is awaited later."""

    def __init__(self, relay: Relay, upstream: Upstream) -> None:
        self.answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._status = 0
        self._body = b""
        relay.to(upstream).post(self, b"/x", b"", b"{}")

    def head(self, status: int, headers: list[Header]) -> None:
        self._status = status

    def body(self, data: bytes) -> None:
        self._body += data

    def end(self) -> None:
        self.answer.set_result((self._status, self._body))

    def fault(self, fault: UpstreamFault) -> None:
        self.answer.set_exception(fault)


async def test_a_second_answer_to_one_request_is_never_given_to_the_next(relay: Relay) -> None:
    server = answering(OK + OK.replace(b"hello", b"wrong"))
    async with server.listening() as port:
        assert await ask(relay, port) == (200, b"hello")
        assert await ask(relay, port) == (200, b"hello")
    assert server.connections == 2


async def test_one_byte_at_a_time_is_fine(relay: Relay) -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for byte in chunked:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)

    async with RawServer(script).listening() as port:
        assert await ask(relay, port) == (200, b"hello")


async def test_a_reader_that_pauses_holds_the_upstream_back(relay: Relay) -> None:
    sent = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(500):
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent += 100_000

    async with RawServer(script).listening() as port:
        response = await opened(relay, Upstream("127.0.0.1", port), b"/x")
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.05)
        assert sent < 20_000_000
        assert len(await response.whole()) == 50_000_000


async def test_a_whole_answer_without_end_is_let_go(relay: Relay) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 1_000_000)
            await writer.drain()

    async with RawServer(script).listening() as port:
        with pytest.raises(UpstreamFault, match="malformed"):
            await ask(relay, port)


async def test_an_aborted_answer_closes_its_connection(relay: Relay) -> None:
    gone = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nfirst")
        await reader.read()
        gone.set()

    async with RawServer(script).listening() as port:
        response = await opened(relay, Upstream("127.0.0.1", port), b"/x")
        response.abort()
        await until(gone.is_set)
