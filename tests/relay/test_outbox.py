import asyncio

import pytest

from fastchat.relay.outbox import MUCH, Gathering, Outbox


class Wire(asyncio.Transport):
    """Writes down what reaches it, and breaks if it is told to."""

    def __init__(self, log: list[object], *, breaks: bool = False) -> None:
        super().__init__()
        self.log = log
        self.breaks = breaks
        self.closed = False

    def write(self, data: object) -> None:
        if self.breaks:
            raise RuntimeError("the handle is closed")
        self.log.append(data)

    def write_eof(self) -> None:
        self.log.append("eof")

    def close(self) -> None:
        self.log.append("close")

    def abort(self) -> None:
        self.closed = True
        self.log.append("abort")

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0


async def test_what_one_turn_writes_leaves_at_its_end_in_one_piece_for_each() -> None:
    log: list[object] = []
    outbox = Outbox()
    one, other = Gathering(Wire(log), outbox), Gathering(Wire(log), outbox)
    one.write(b"head ")
    other.write(b"else")
    one.write(b"body")
    assert (log, one.get_write_buffer_size()) == ([], 9)
    await asyncio.sleep(0)
    assert log == [b"head body", b"else"]
    one.write(b"again")
    await asyncio.sleep(0)
    assert log[2:] == [b"again"]


@pytest.mark.parametrize("last", ["close", "eof"])
async def test_nothing_is_said_after_the_end_and_all_before_it(last: str) -> None:
    log: list[object] = []
    transport = Gathering(Wire(log), Outbox())
    transport.write(b"answer")
    transport.close() if last == "close" else transport.write_eof()
    await asyncio.sleep(0)
    assert log == [b"answer", last]


async def test_an_aborted_connection_says_no_more() -> None:
    log: list[object] = []
    transport = Gathering(Wire(log), Outbox())
    transport.write(b"answer")
    transport.abort()
    transport.write(b"more")
    await asyncio.sleep(0)
    assert log == ["abort"]


async def test_one_that_breaks_does_not_keep_what_others_are_to_hear() -> None:
    log: list[object] = []
    outbox = Outbox()
    broken, whole = Gathering(Wire(log, breaks=True), outbox), Gathering(Wire(log), outbox)
    broken.write(b"lost")
    whole.write(b"heard")
    await asyncio.sleep(0)
    assert log == ["abort", b"heard"]


async def test_much_at_once_does_not_wait_so_that_a_slow_reader_is_noticed() -> None:
    log: list[object] = []
    transport = Gathering(Wire(log), Outbox())
    pieces = [b"x" * 1024] * 40
    for piece in pieces:
        transport.write(piece)
        assert transport.get_write_buffer_size() < MUCH
    await asyncio.sleep(0)
    assert b"".join(bytes(part) for part in log if isinstance(part, bytes)) == b"".join(pieces)


async def test_what_is_flushed_does_not_wait_and_who_breaks_then_is_let_go() -> None:
    log: list[object] = []
    outbox = Outbox()
    broken, whole = Gathering(Wire(log, breaks=True), outbox), Gathering(Wire(log), outbox)
    for transport in (broken, whole):
        transport.write(b"end")
        outbox.flush(transport)
    assert log == ["abort", b"end"]
