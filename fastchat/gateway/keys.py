"""API keys, kept as hashes: what is not stored cannot be printed or compared byte by byte."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from fastchat.core.errors import InvalidKey


@dataclass(frozen=True, slots=True)
class KeyRing:
    """An empty ring lets everybody in. Each key has a name that may be logged."""

    names: Mapping[bytes, str]

    @classmethod
    def of(cls, keys: Iterable[str]) -> "KeyRing":
        digests = [_digest(key.encode()) for key in keys]
        return cls({digest: digest[:4].hex() for digest in digests})

    def check(self, authorization: bytes | None) -> str | None:
        """The key's name. Raises `InvalidKey`. A lookup by digest tells nothing about how close a
        guess was."""
        if not self.names:
            return None
        if authorization is None:
            raise InvalidKey("An API key is needed: send Authorization: Bearer KEY.")
        scheme, _, key = authorization.partition(b" ")
        name = self.names.get(_digest(key.strip()))
        if name is None or scheme.lower() != b"bearer":
            raise InvalidKey("Incorrect API key provided.")
        return name


def _digest(key: bytes) -> bytes:
    return sha256(key).digest()
