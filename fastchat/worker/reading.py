"""What a worker reads in the head of a request that its engine answers."""

from dataclasses import dataclass

from fastchat.core.tracing import HEADER as TRACEPARENT
from fastchat.protocol.counts import HEADER as COUNTS_HEADER
from fastchat.protocol.deadline import HEADER as TIMEOUT_HEADER
from fastchat.relay.lines import named
from fastchat.relay.work import Head

COUNTS, TIMEOUT = COUNTS_HEADER.encode(), TIMEOUT_HEADER.encode()
_TO_ENGINE = (b"accept", b"content-type", b"user-agent")


@dataclass(frozen=True, slots=True)
class Reading:
    """But for its id; read once for as long as a caller repeats it. `passed` are the lines for the
    engine."""

    declared_bytes: int
    authorization: bytes
    wants_counts: bool
    timeout: bytes | None
    traceparent: bytes | None
    passed: bytes

    @classmethod
    def of(cls, head: Head) -> "Reading":
        reading = head.reading
        if not isinstance(reading, cls):
            reading = head.reading = cls(
                declared_bytes=int(head.get(b"content-length", b"0")),
                authorization=head.get(b"authorization", b""),
                wants_counts=COUNTS in head,
                timeout=head.get(TIMEOUT),
                traceparent=head.get(TRACEPARENT),
                passed=named(head, _TO_ENGINE),
            )
        return reading
