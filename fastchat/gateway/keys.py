"""API keys, kept as hashes: what is not stored cannot be printed or compared byte by byte."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from fastchat.core.errors import InvalidKey


@dataclass(frozen=True, slots=True)
class KeyRing:
    """An empty ring lets everybody in."""

    digests: frozenset[bytes]

    @classmethod
    def of(cls, keys: Iterable[str]) -> "KeyRing":
        return cls(frozenset(_digest(key.encode()) for key in keys))

    def check(self, authorization: bytes | None) -> None:
        """Raises `InvalidKey`. A lookup by digest tells nothing about how close a guess was."""
        if not self.digests:
            return
        if authorization is None:
            raise InvalidKey("An API key is needed: send Authorization: Bearer KEY.")
        scheme, _, key = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or _digest(key.strip()) not in self.digests:
            raise InvalidKey("Incorrect API key provided.")


def _digest(key: bytes) -> bytes:
    return sha256(key).digest()
