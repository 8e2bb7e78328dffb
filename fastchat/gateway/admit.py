"""Whether a request may pass, and where it belongs: the same for every way in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastchat.core.errors import BodyTooLarge
from fastchat.gateway.callers import Caller
from fastchat.gateway.keys import KeyRing, Shown, shown_in
from fastchat.protocol.codec import decode
from fastchat.protocol.openai.requests import Peek


def declared_in(headers: Mapping[bytes, bytes]) -> int:
    """The length of a body; the HTTP parser has refused one that is no number."""
    return int(headers.get(b"content-length", b"0"))


@dataclass(frozen=True, slots=True)
class Gate:
    """`clock` is the one that requests are measured by, `wall_clock` the one that keys expire by.
    Neither database nor network is asked here."""

    keys: KeyRing
    max_body_bytes: int
    clock: Callable[[], float]
    wall_clock: Callable[[], float]

    def admit_head(self, headers: Mapping[bytes, bytes]) -> Caller | None:
        """What can be said before the body has come: whose key it is. Raises the `PlatformError`
        that refuses the request. Header names are in lower case."""
        return self.admit(shown_in(headers), declared_in(headers))

    def admit(self, shown: Shown | None, declared_bytes: int) -> Caller | None:
        """As `admit_head`, of a head that was read before."""
        if declared_bytes > self.max_body_bytes:
            raise BodyTooLarge(self.max_body_bytes)
        caller = self.keys.holder(shown)
        if caller is not None:
            caller.admit(self.clock, self.wall_clock)
        return caller

    def admit_body(self, body: bytes, caller: Caller | None) -> Peek:
        """What is left to say once the head was admitted and the body has come."""
        if len(body) > self.max_body_bytes:
            raise BodyTooLarge(self.max_body_bytes)
        asked = decode(body, Peek)
        if caller is not None:
            caller.check(asked.model)
        return asked
