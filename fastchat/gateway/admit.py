"""Whether a request may pass, and where it belongs: pure, and the same for every way in."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastchat.core.errors import BodyTooLarge
from fastchat.gateway.keys import KeyRing
from fastchat.protocol.codec import decode
from fastchat.protocol.openai.requests import Peek


@dataclass(frozen=True, slots=True)
class Gate:
    keys: KeyRing
    max_body_bytes: int

    def admit_head(self, headers: Mapping[bytes, bytes]) -> str | None:
        """What can be said before the body has come: whose key it is. Raises the `PlatformError`
        that refuses the request. Header names are in lower case."""
        if int(headers.get(b"content-length", b"0")) > self.max_body_bytes:
            raise BodyTooLarge(self.max_body_bytes)
        return self.keys.check(headers.get(b"authorization"))

    def admit_body(self, body: bytes) -> Peek:
        """What is left to say once the head was admitted and the body has come."""
        if len(body) > self.max_body_bytes:
            raise BodyTooLarge(self.max_body_bytes)
        return decode(body, Peek)
