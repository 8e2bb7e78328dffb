"""API keys, kept as hashes: what is not stored cannot be printed or compared byte by byte."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fastchat.core.api_keys import digest_of
from fastchat.core.board import FindPlace, lone
from fastchat.core.errors import InvalidKey, KeysUnknown
from fastchat.gateway.callers import Caller, Rate, bucket_of


class Shown(NamedTuple):
    """What a request shows as its key, by which it is found and not told."""

    digest: bytes
    is_bearer: bool


def shown_in(headers: Mapping[bytes, bytes]) -> Shown | None:
    """As OpenAI's clients do, or as Anthropic's."""
    authorization = headers.get(b"authorization")
    if authorization is None and b"x-api-key" in headers:
        authorization = b"Bearer " + headers[b"x-api-key"]
    return None if authorization is None else shown_by(authorization)


def shown_by(authorization: bytes) -> Shown:
    scheme, _, key = authorization.partition(b" ")
    return Shown(digest_of(key.strip()), scheme.lower() == b"bearer")


@dataclass(slots=True)
class KeyRing:
    """Without any key everybody is let in. `fixed` are those of the command line; `stored` are
    replaced by whoever reads them from the database, as a whole. `known` is false until they were
    read once."""

    fixed: Mapping[bytes, Caller]
    stored: Mapping[bytes, Caller] = field(default_factory=dict)
    required: bool = False
    known: bool = True

    @classmethod
    def of(
        cls, keys: Iterable[str], rate: Rate | None = None, find_place: FindPlace = lone
    ) -> "KeyRing":
        digests = [digest_of(key.encode()) for key in keys]
        fixed = {
            digest: Caller(
                digest[:4].hex(), bucket=bucket_of(f"key {digest.hex()}", rate, find_place)
            )
            for digest in digests
        }
        return cls(fixed, required=bool(fixed))

    def caller(self, headers: Mapping[bytes, bytes]) -> Caller | None:
        """Whose key a request shows."""
        return self.holder(shown_in(headers))

    def check(self, authorization: bytes | None) -> Caller | None:
        return self.holder(None if authorization is None else shown_by(authorization))

    def holder(self, shown: Shown | None) -> Caller | None:
        """Whose key it is. Raises `InvalidKey`. A lookup by digest tells nothing about how close a
        guess was."""
        if not self.required and self.known:
            return None
        if shown is None:
            raise InvalidKey(
                "An API key is needed: send Authorization: Bearer KEY, or x-api-key: KEY."
            )
        caller = self.fixed.get(shown.digest) or self.stored.get(shown.digest)
        if caller is None and not self.known:
            raise KeysUnknown
        if caller is None or not shown.is_bearer:
            raise InvalidKey("Incorrect API key provided.")
        return caller
