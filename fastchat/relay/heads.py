"""A client that keeps its connection says the same head again and again, but for the length of the
body; a gateway, but for that and the id of the request.

What the parser has taken apart once is recognised, byte for byte, when nothing else is another.
Whatever is not exactly so is the parser's affair.
"""

import re
from dataclasses import dataclass

from fastchat.relay.work import Endpoint, Head

_ID = b"x-request-id"
_VALUES = re.compile(
    rb"\r\n(content-length|x-request-id):[ \t]*([\w.:-]{1,128})(?=\r\n)", re.IGNORECASE
)
_ID_VALUE = re.compile(rb"[\w.:-]{1,128}")
_MOST = 128
# With one of these a request is more than its head and so many bytes.
_UNUSUAL = (b"transfer-encoding", b"expect", b"upgrade")


@dataclass(frozen=True, slots=True)
class KnownHead:
    """Its bytes around the values that vary, and what was understood of it. The value with the
    number `id_at` is an id; the other one, or the only one, the length of the body."""

    first: bytes
    others: tuple[bytes, ...]
    id_at: int | None
    endpoint: Endpoint
    head: Head

    @classmethod
    def learned(cls, request: bytes, endpoint: Endpoint, head: Head) -> "KnownHead | None":
        """From the bytes of one whole request that the parser understood so."""
        end = request.find(b"\r\n\r\n") + 4
        found = list(_VALUES.finditer(request, 0, end))
        names = [one[1].lower() for one in found]
        if sorted(names) not in ([b"content-length"], [b"content-length", _ID]):
            return None
        if any(name in head for name in _UNUSUAL):
            return None
        if any(head.get(name) != one[2] for name, one in zip(names, found, strict=True)):
            return None
        if head[b"content-length"] != b"%d" % (len(request) - end):
            return None
        known = Head(head)
        del known[b"content-length"]  # of another request it is another
        starts = (0, *(one.end(2) for one in found))
        ends = (*(one.start(2) for one in found), end)
        first, *others = (request[a:b] for a, b in zip(starts, ends, strict=True))
        id_at = names.index(_ID) if _ID in names else None
        return cls(first, tuple(others), id_at, endpoint, known)

    def read(self, data: bytes) -> tuple[Head, bytes] | None:
        """Head and body, if the data is one whole request with this head, and nothing more."""
        if not data.startswith(self.first):
            return None
        at = len(self.first)
        values = []
        for other in self.others:
            end = data.find(b"\r", at, at + _MOST + 1)
            if end < 0 or not data.startswith(other, end):
                return None
            values.append(data[at:end])
            at = end + len(other)
        id = None if self.id_at is None else values.pop(self.id_at)
        body = data[at:]
        size = len(body)
        if values[0] != b"%d" % size or size > self.endpoint.limit_bytes:
            return None
        if id is None:
            return self.head, body
        return (self._with(id), body) if _ID_VALUE.fullmatch(id) else None

    def _with(self, id: bytes) -> Head:
        head = Head(self.head)
        head[_ID] = id
        return head
