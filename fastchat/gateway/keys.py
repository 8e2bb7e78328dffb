"""API keys, kept as hashes: what is not stored cannot be printed or compared byte by byte."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fastchat.core.api_keys import digest_of
from fastchat.core.board import FindPlace, lone
from fastchat.core.errors import InvalidKey, KeysUnknown
from fastchat.gateway.callers import Caller, Rate, bucket_of


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
        """Whose key a request shows: as OpenAI's clients do, or as Anthropic's."""
        shown = headers.get(b"authorization")
        if shown is None and b"x-api-key" in headers:
            shown = b"Bearer " + headers[b"x-api-key"]
        return self.check(shown)

    def check(self, authorization: bytes | None) -> Caller | None:
        """Whose key it is. Raises `InvalidKey`. A lookup by digest tells nothing about how close a
        guess was."""
        if not self.required and self.known:
            return None
        if authorization is None:
            raise InvalidKey(
                "An API key is needed: send Authorization: Bearer KEY, or x-api-key: KEY."
            )
        scheme, _, key = authorization.partition(b" ")
        digest = digest_of(key.strip())
        caller = self.fixed.get(digest) or self.stored.get(digest)
        if caller is None and not self.known:
            raise KeysUnknown
        if caller is None or scheme.lower() != b"bearer":
            raise InvalidKey("Incorrect API key provided.")
        return caller
