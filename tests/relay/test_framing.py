"""Our reading of answers, beside that of a strict parser, over every way to cut them."""

import asyncio

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastchat.relay.connection import Connection, Limits, Shared, UpstreamFault
from fastchat.relay.work import Header

STATUS = b"HTTP/1.1 200 OK\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
pieces = st.lists(st.binary(min_size=1, max_size=40), max_size=5)


class Heard:
    """A receiver and an exchange that write down what they are told."""

    def __init__(self) -> None:
        self.status = 0
        self.content = b""
        self.ended = ""

    def head(self, status: int, headers: list[Header]) -> None:
        assert not self.status
        self.status = status

    def body(self, data: bytes) -> None:
        assert self.status
        assert data
        self.content += data

    def end(self) -> None:
        assert not self.ended
        self.ended = "well"

    def fault(self, fault: UpstreamFault) -> None:
        assert not self.ended
        self.ended = fault.kind

    def free(self, connection: Connection) -> None:
        pass


class Line(asyncio.Transport):
    """A transport to nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self

    def setsockopt(self, *_: object) -> None: ...

    def write(self, data: object) -> None: ...

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True


def chunked(parts: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def framed(kind: str, parts: list[bytes]) -> bytes:
    body = b"".join(parts)
    if kind == "length":
        return STATUS + b"content-length: %d\r\n\r\n" % len(body) + body
    if kind == "chunked":
        return STATUS + b"transfer-encoding: chunked\r\n\r\n" + chunked(parts)
    return STATUS + b"connection: close\r\n\r\n" + body


async def heard(stream: bytes, cuts: list[int]) -> Heard:
    connection, told = Connection(Shared(Limits())), Heard()
    connection.connection_made(Line())
    connection.ask(b"", told, told)
    at = 0
    for cut in [*sorted(cuts), len(stream)]:
        if cut > at:
            connection.data_received(stream[at:cut])
            at = cut
    connection.connection_lost(None)
    return told


def understood(stream: bytes) -> tuple[bytes, bool]:
    """By h11: the content, and whether it came to its end."""
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
    parser.send(h11.EndOfMessage())
    parser.receive_data(stream)
    content = b""
    try:
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                parser.receive_data(b"")
            elif isinstance(event, h11.Data):
                content += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return content, True
    except h11.RemoteProtocolError:
        return content, False


@given(st.sampled_from(["length", "chunked", "close"]), pieces, st.booleans(), st.data())
def test_answers_are_read_as_others_read_them(
    kind: str, parts: list[bytes], interim: bool, data: st.DataObject
) -> None:
    stream = (INTERIM if interim else b"") + framed(kind, parts)
    whole = data.draw(st.integers(0, len(stream)), "how much of it comes")
    cuts = data.draw(st.lists(st.integers(0, whole), max_size=8))
    told = asyncio.run(heard(stream[:whole], cuts))
    content, ended = understood(stream[:whole])
    assert (told.content, told.ended == "well") == (content, ended)
    assert told.ended in ("well", "lost")


@pytest.mark.parametrize("kind", ["length", "chunked"])
@given(st.data())
def test_a_second_answer_is_never_heard(kind: str, data: st.DataObject) -> None:
    stream = framed(kind, [b"first"])
    cuts = data.draw(st.lists(st.integers(0, 2 * len(stream)), max_size=5))
    told = asyncio.run(heard(stream + framed(kind, [b"second"]), cuts))
    assert (told.content, told.ended) == (b"first", "well")


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_garbage_ends_in_one_fault(garbage: bytes, cuts: list[int]) -> None:
    told = asyncio.run(heard(b"\x00" + garbage, [cut for cut in cuts if cut <= len(garbage)]))
    assert (told.status, told.ended) == (0, "malformed")
