"""Which headers pass, and what is added: to a worker with a request, to a client with an answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastchat.core.tracing import HEADER as TRACEPARENT
from fastchat.gateway.admit import declared_in
from fastchat.gateway.keys import Shown, shown_in
from fastchat.protocol.counts import HEADER as COUNTS_HEADER
from fastchat.protocol.deadline import HEADER as TIMEOUT_HEADER
from fastchat.relay.lines import milliseconds, named
from fastchat.relay.work import Head, Header

EVENT_STREAM, JSON = b"text/event-stream", b"application/json"
COUNTS, TIMEOUT = COUNTS_HEADER.encode(), TIMEOUT_HEADER.encode()
# Requests of one session go to one worker, under a policy that knows sessions.
SESSION = b"x-session-id"

_ID = b"x-request-id"
_TIMING = b"server-timing"
# Sent on to a worker; all else concerns the client and us, its key above all.
_TO_WORKER = (b"accept", b"content-type", b"user-agent")
_ID_LINE = _ID + b": %b\r\n%b"
_ID_AND_TIMING = _ID + b": %b\r\n" + _TIMING + b": %bgateway;dur=%b, tries;desc=%d\r\n"
_AND_COUNTS = COUNTS + b": 1\r\n" + _ID_LINE
# Sent back to the client; the rest describes one connection.
_TO_CLIENT = (b"content-type", b"cache-control", b"retry-after", b"x-accel-buffering")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a request's head says but for its id, read once for as long as a client repeats it.
    `passed` are the lines for the worker."""

    shown: Shown | None
    declared_bytes: int
    session: str | None
    timeout: bytes | None
    traceparent: bytes | None
    passed: bytes

    @classmethod
    def of(cls, head: Head) -> "Reading":
        reading = head.reading
        if not isinstance(reading, cls):
            reading = head.reading = cls._read(head)
        return reading

    @classmethod
    def _read(cls, head: Head) -> "Reading":
        session = head.get(SESSION)
        return cls(
            shown=shown_in(head),
            declared_bytes=declared_in(head),
            session=None if session is None else session.decode("latin-1"),
            timeout=head.get(TIMEOUT),
            traceparent=head.get(TRACEPARENT),
            passed=named(head, _TO_WORKER),
        )


def to_worker(reading: Reading, id: str, time_left: bytes | None, *, counts: bool) -> bytes:
    """As lines of a head; `counts` asks for those of tokens."""
    lines = (_AND_COUNTS if counts else _ID_LINE) % (id.encode(), reading.passed)
    return lines if time_left is None else b"%b%b: %b\r\n" % (lines, TIMEOUT, time_left)


def to_client(headers: Mapping[bytes, bytes], id: str, first_byte_s: float, tries: int) -> bytes:
    """As lines of a head. They tell where the time went: in the worker by its own account, and in
    all until now."""
    at_worker = headers.get(_TIMING)
    before = b"" if at_worker is None else at_worker + b", "
    told = (id.encode(), before, milliseconds(first_byte_s), tries)
    return named(headers, _TO_CLIENT) + _ID_AND_TIMING % told


def id_header(id: str) -> Header:
    return _ID, id.encode()


def is_of(kind: bytes, headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"content-type", b"").startswith(kind)
