"""What is recognised without the parser, beside what the parser makes of the same bytes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.config import Config
from uvicorn.server import ServerState

from fastchat.core.errors import PlatformError
from fastchat.protocol.error_body import ErrorBody
from fastchat.relay.heads import KnownHead
from fastchat.relay.lines import CLOSE
from fastchat.relay.outbox import Outbox
from fastchat.relay.protocol import MOST_HEADS, Bounds, EdgeProtocol
from fastchat.relay.work import Client, Head
from tests.relay.test_outbox import Wire

POST = b"POST /v1 HTTP/1.1\r\n"
LINES = [
    b"host: x\r\n",
    b"Authorization: Bearer k\r\n",
    b"X-Empty:\r\n",
    b"connection: keep-alive\r\n",
    b"Connection: close\r\n",
    b"expect: 100-continue\r\n",
    b"transfer-encoding: chunked\r\n",
    b"content-length: 3\r\n",
    b"x-content-length: 3\r\n",
    b"x-request-id: a\r\n",
]
heads = st.lists(st.sampled_from(LINES), max_size=4).map(b"".join)
names = st.sampled_from([b"content-length: ", b"Content-Length:", b"CONTENT-LENGTH:  "])
bodies = st.binary(max_size=12)
ids = st.sampled_from(
    [b"a", b"b", b"-", b" ", b"\xfe", b"another:one-1.x", b"two words", b"\xff", b"", b"x" * 129]
)


@dataclass
class Heard:
    """An endpoint that answers each request with its body, and writes down what was asked."""

    limit_bytes: int = 8
    asked: list[tuple[dict[bytes, bytes], bytes]] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    answer: Callable[[Client], None] | None = None

    def open(self, head: Head, client: Client) -> "Echo":
        self.heads.append(head)
        return Echo(self, head, client)


@dataclass
class Echo:
    endpoint: Heard
    head: Head
    client: Client

    def admit(self) -> bool:
        return True

    def ask(self, body: bytes) -> None:
        said = {name: value for name, value in self.head.items() if name != b"content-length"}
        self.endpoint.asked.append((said, body))
        if self.endpoint.answer is None:
            self.client.whole(200, b"", body)
        else:
            self.endpoint.answer(self.client)

    def refuse(self, error: PlatformError) -> None:
        self.client.whole(error.status, CLOSE, ErrorBody.of(error).message.encode())

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def leave(self) -> None: ...

    def cut(self) -> None: ...


class Line(Wire):
    """A wire on which one can also hear."""

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self if name == "socket" else None

    def setsockopt(self, *_: object) -> None: ...

    def getpeername(self) -> None: ...

    def getsockname(self) -> None: ...

    family = None

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def can_write_eof(self) -> bool:
        return True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def app(scope: object, receive: object, send: object) -> None:
    """Nobody asks for it."""


class Talk:
    """One connection."""

    def __init__(self) -> None:
        self.endpoint = Heard()
        self.log: list[object] = []
        config = Config(app, log_config=None, access_log=False, interface="asgi3")
        self.protocol = EdgeProtocol(
            config,
            ServerState(),
            {},
            bounds=Bounds(),
            endpoints={b"/v1": self.endpoint},
            outbox=Outbox(),
        )
        self.protocol.connection_made(Line(self.log))

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.protocol.data_received(piece)
            await asyncio.sleep(0)

    async def heard(self, *pieces: bytes) -> tuple[object, ...]:
        """What comes of these pieces alone."""
        asked, said = len(self.endpoint.asked), len(self.log)
        await self.say(*pieces)
        return self.endpoint.asked[asked:], self.log[said:], self.protocol._awaited


def request(head: bytes, name: bytes, body: bytes) -> bytes:
    return POST + head + name + b"%d\r\n\r\n" % len(body) + body


@given(heads, names, bodies, bodies, st.data())
def test_a_head_that_came_before_says_what_it_says_to_the_parser(
    head: bytes, name: bytes, first: bytes, body: bytes, data: st.DataObject
) -> None:
    second = request(head.replace(b": a", b": %b" % data.draw(ids)), name, body)
    at = data.draw(st.integers(0, len(second)))
    if data.draw(st.booleans()):
        second = second[:at] + data.draw(st.binary(max_size=3)) + second[at + 1 :]
    cut = data.draw(st.integers(0, len(second)))
    pieces = [piece for piece in (second[:cut], second[cut:]) if piece]

    async def compare() -> None:
        known, fresh = Talk(), Talk()
        await known.say(request(head, name, first))
        if not known.protocol.transport.is_closing() and known.protocol._awaited == "next":
            fresh.protocol._to_learn = 0
            await fresh.say(request(head, name, first))
            assert await known.heard(*pieces) == await fresh.heard(*pieces)

    asyncio.run(compare())


async def test_a_head_is_read_once_whatever_the_length_of_the_body() -> None:
    talk = Talk()
    for body in (b"1", b"", b"1234567"):
        await talk.say(request(LINES[0], b"content-length: ", body))
    first, second, third = talk.endpoint.heads
    assert first is not second
    assert second is third
    assert [body for _, body in talk.endpoint.asked] == [b"1", b"", b"1234567"]


async def test_a_head_is_known_whatever_the_id_of_its_request_if_it_is_as_long() -> None:
    talk = Talk()
    for id in (b"a-1", b"b-2", b"c.3"):
        await talk.say(request(b"x-request-id: %b\r\n" % id, b"content-length: ", b"1"))
        talk.protocol.parser = None  # type: ignore[assignment]  # is not asked again
    assert [head[b"x-request-id"] for head, _ in talk.endpoint.asked] == [b"a-1", b"b-2", b"c.3"]


@pytest.mark.parametrize(
    "second",
    [
        b"POST /v1 HTTP/1.1\r\nx-request-id: longer\r\ncontent-length: 1\r\n\r\n1",
        b"POST /v1 HTTP/1.1\r\ncontent-length: 1\r\nx-request-id: b\r\n\r\n1",
    ],
)
async def test_what_is_said_otherwise_is_the_parsers_affair(second: bytes) -> None:
    talk = Talk()
    await talk.say(request(b"x-request-id: a\r\n", b"content-length: ", b"1"), second)
    first, other = talk.endpoint.heads
    assert first is not other
    assert other[b"x-request-id"] in (b"longer", b"b")
    assert [body for _, body in talk.endpoint.asked] == [b"1", b"1"]


async def test_a_client_with_ever_new_heads_is_not_studied_for_ever() -> None:
    talk = Talk()
    for number in range(MOST_HEADS + 2):
        await talk.say(request(b"x-number: %d\r\n" % number, b"content-length: ", b"1"))
    assert len({id(head) for head in talk.endpoint.heads}) == MOST_HEADS + 2
    assert talk.protocol._to_learn == 0


def test_two_requests_in_one_piece_are_no_head_and_its_body() -> None:
    one = request(LINES[0], b"content-length: ", b"1")
    known = KnownHead.learned(one, Heard(), Head({b"host": b"x", b"content-length": b"1"}))
    assert known is not None
    assert known.read(one) == (Head({b"host": b"x"}), b"1")
    assert known.read(one + one) is None
    assert known.read(one[:-1]) is None


async def test_the_end_of_a_stream_leaves_before_the_turn_does() -> None:
    talk = Talk()
    held: list[Client] = []
    talk.endpoint.answer = held.append
    await talk.say(request(LINES[0], b"content-length: ", b"1"))
    (client,) = held
    client.start(200, b"")
    client.piece(b"text")
    assert talk.log == []
    client.end()
    (sent,) = talk.log
    assert isinstance(sent, bytes)
    assert sent.endswith(b"4\r\ntext\r\n0\r\n\r\n")
