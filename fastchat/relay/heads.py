"""A client that keeps its connection says the same head again and again, but for the length of the
body; a gateway, but for that and the id of the request, which has always as many bytes.

What the parser has taken apart once is recognised, byte for byte, when nothing else is another.
Whatever is not exactly so is the parser's affair.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fastchat.relay.work import Endpoint, Head

_ID = b"x-request-id"
_VALUES = re.compile(
    rb"\r\n(content-length|x-request-id):[ \t]*([\w.:-]{1,128})(?=\r\n)", re.IGNORECASE
)
_ID_VALUE = re.compile(rb"[\w.:-]{1,128}")
# With one of these a request is more than its head and so many bytes.
_UNUSUAL = (b"transfer-encoding", b"expect", b"upgrade")


def given_id(head: Mapping[bytes, bytes]) -> str | None:
    """The id that the caller gave a request, if it is fit for logs and headers."""
    given = head.get(_ID)
    return None if given is None or not _is_id(given) else given.decode("ascii")


def _is_id(value: bytes) -> bool:
    """To look for letters and digits alone is cheaper; most ids have no others."""
    plain = len(value) <= 128 and value.isalnum()
    return plain or _ID_VALUE.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class KnownHead:
    """Its bytes around the values that vary, and what was understood of it. There may be an id, of
    always so many bytes, between `first` and `middle`; before `last` stands the length of the body.
    The `head` is that of the request that was read last, and changes with the next."""

    first: bytes
    id_bytes: int
    middle: bytes
    last: bytes
    endpoint: Endpoint
    head: Head

    @classmethod
    def learned(cls, request: bytes, endpoint: Endpoint, head: Head) -> "KnownHead | None":
        """From the bytes of one whole request that the parser understood so."""
        end = request.find(b"\r\n\r\n") + 4
        found = list(_VALUES.finditer(request, 0, end))
        names = [one[1].lower() for one in found]
        if names not in ([b"content-length"], [_ID, b"content-length"]):
            return None
        if any(name in head for name in _UNUSUAL):
            return None
        if any(head.get(name) != one[2] for name, one in zip(names, found, strict=True)):
            return None
        if head[b"content-length"] != b"%d" % (len(request) - end):
            return None
        known = Head(head)
        del known[b"content-length"]  # of another request it is another
        length_at, last = found[-1].start(2), request[found[-1].end(2) : end]
        if len(found) == 1:
            return cls(request[:length_at], 0, b"", last, endpoint, known)
        id_at, id_end = found[0].span(2)
        middle = request[id_end:length_at]
        return cls(request[:id_at], id_end - id_at, middle, last, endpoint, known)

    def read(self, data: bytes) -> tuple[Head, bytes] | None:
        """Head and body, if the data is one whole request with this head, and nothing more."""
        first, middle, last = self.first, self.middle, self.last
        if not data.startswith(first):
            return None
        id_at = len(first)
        at = id_at + self.id_bytes
        # What is left is the body and its length in digits.
        size = len(data) - at - len(middle) - len(last) - 1
        most = 9
        while size > most:
            size -= 1
            most = 10 * most + 9
        if size < 0 or size > self.endpoint.limit_bytes:
            return None
        body_at = len(data) - size
        if data[at:body_at] != b"%b%d%b" % (middle, size, last):
            return None
        if self.id_bytes:
            id = data[id_at:at]
            if not _is_id(id):
                return None
            self.head[_ID] = id
        return self.head, data[body_at:]
