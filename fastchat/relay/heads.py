"""A client that keeps its connection says the same head again and again, but for one number.

What the parser has taken apart once is recognised, byte for byte, when only the length of the body
is another. Whatever is not exactly so is the parser's affair.
"""

import re
from dataclasses import dataclass

from fastchat.relay.work import Endpoint, Head

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,12})(?=\r\n)", re.IGNORECASE)
_MOST_DIGITS = 12
# With one of these a request is more than its head and so many bytes.
_UNUSUAL = (b"transfer-encoding", b"expect", b"upgrade")


@dataclass(frozen=True, slots=True)
class KnownHead:
    """Its bytes `before` and `after` the digits of the length, and what was understood of it."""

    before: bytes
    after: bytes
    endpoint: Endpoint
    head: Head

    @classmethod
    def learned(cls, request: bytes, endpoint: Endpoint, head: Head) -> "KnownHead | None":
        """From the bytes of one whole request that the parser understood so."""
        end = request.find(b"\r\n\r\n") + 4
        lengths = list(_LENGTH.finditer(request, 0, end))
        if len(lengths) != 1 or any(name in head for name in _UNUSUAL):
            return None
        digits = lengths[0]
        if head.get(b"content-length") != digits[1] or int(digits[1]) != len(request) - end:
            return None
        known = Head(head)
        del known[b"content-length"]  # of another request it is another
        return cls(request[: digits.start(1)], request[digits.end(1) : end], endpoint, known)

    def body_of(self, data: bytes) -> bytes | None:
        """If the data is one whole request with this head, and nothing more."""
        start = len(self.before)
        if not data.startswith(self.before):
            return None
        end = data.find(b"\r", start, start + _MOST_DIGITS + 1)
        if end < 0 or not data.startswith(self.after, end):
            return None
        body = data[end + len(self.after) :]
        size = len(body)
        is_whole = data[start:end] == b"%d" % size and size <= self.endpoint.limit_bytes
        return body if is_whole else None
