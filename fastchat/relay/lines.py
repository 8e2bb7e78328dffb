"""Lines of heads, each with its end, and what stands in them."""

from collections.abc import Iterable, Mapping

from fastchat.relay.work import Header

CLOSE = b"connection: close\r\n"


def says_close(lines: bytes) -> bool:
    return lines.startswith(CLOSE) or b"\r\n" + CLOSE in lines


def as_lines(headers: Iterable[Header]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def named(headers: Mapping[bytes, bytes], names: Iterable[bytes]) -> bytes:
    """Those of the headers that are there, in this order."""
    return as_lines([(name, headers[name]) for name in names if name in headers])


def milliseconds(seconds: float) -> bytes:
    """With one digit behind the point. Python's conversion of floats would be as quick, but nothing
    else on an ordinary request's way touches its code, which after a pause must be fetched first.
    """
    tenths = int(seconds * 1e4 + 0.5)
    return b"%d.%d" % (tenths // 10, tenths % 10)
