"""Which headers pass, and what is added: to a worker with a request, to a client with an answer."""

from collections.abc import Mapping

from fastchat.protocol.counts import HEADER as COUNTS_HEADER
from fastchat.protocol.deadline import HEADER as TIMEOUT_HEADER
from fastchat.relay.edge import REQUEST_ID
from fastchat.relay.work import Header

EVENT_STREAM, JSON = b"text/event-stream", b"application/json"
COUNTS, TIMEOUT = COUNTS_HEADER.encode(), TIMEOUT_HEADER.encode()
# Requests of one session go to one worker, under a policy that knows sessions.
SESSION = b"x-session-id"

_ID = b"x-request-id"
# Sent on to a worker; all else concerns the client and us, its key above all.
_TO_WORKER = (b"accept", b"content-type", b"user-agent")
_ID_LINE = _ID + b": %b\r\n"
_AND_COUNTS = _ID_LINE + COUNTS + b": 1\r\n"
# Sent back to the client; the rest describes one connection.
_TO_CLIENT = (b"content-type", b"cache-control", b"retry-after", b"x-accel-buffering")


def request_id(headers: Mapping[bytes, bytes]) -> str | None:
    """What the caller gave, if it is fit for logs and headers."""
    given = headers.get(_ID)
    if given is None:
        return None
    text = given.decode("latin-1")
    return text if REQUEST_ID.fullmatch(text) else None


def to_worker(
    headers: Mapping[bytes, bytes], id: str, time_left: bytes | None, *, counts: bool
) -> bytes:
    """As lines of a head; `counts` asks for those of tokens."""
    lines = (_AND_COUNTS if counts else _ID_LINE) % id.encode()
    for name in _TO_WORKER:
        if name in headers:
            lines += b"%b: %b\r\n" % (name, headers[name])
    return lines if time_left is None else b"%b%b: %b\r\n" % (lines, TIMEOUT, time_left)


def to_client(headers: Mapping[bytes, bytes], id: str, timing: bytes) -> list[Header]:
    passed = [(name, headers[name]) for name in _TO_CLIENT if name in headers]
    passed += (id_header(id), (b"server-timing", timing))
    return passed


def id_header(id: str) -> Header:
    return _ID, id.encode()
