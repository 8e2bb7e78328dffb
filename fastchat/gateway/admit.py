"""Whether a request may pass, and where it belongs: pure, and the same for every way in."""

from collections.abc import Iterable
from dataclasses import dataclass

from fastchat.core.errors import BodyTooLarge
from fastchat.gateway.keys import KeyRing
from fastchat.protocol.codec import decode
from fastchat.protocol.openai.requests import Peek

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Decision:
    model: str
    stream: bool


@dataclass(frozen=True, slots=True)
class Gate:
    keys: KeyRing
    max_body_bytes: int

    def admit(self, headers: Iterable[Header], body: bytes) -> Decision:
        """Raises the `PlatformError` that refuses the request. Header names are in lower case."""
        self.admit_head(headers)
        return self.admit_body(body)

    def admit_body(self, body: bytes) -> Decision:
        """What is left to say once the head was admitted and the body has come."""
        if len(body) > self.max_body_bytes:
            raise BodyTooLarge(self.max_body_bytes)
        peek = decode(body, Peek)
        return Decision(peek.model, bool(peek.stream))

    def admit_head(self, headers: Iterable[Header]) -> None:
        """What can be said before the body has come."""
        authorization = None
        for name, value in headers:
            if name == b"authorization":
                authorization = value
            elif name == b"content-length" and int(value) > self.max_body_bytes:
                raise BodyTooLarge(self.max_body_bytes)
        self.keys.check(authorization)
