"""Beginnings of prompts: which worker has seen which, as far as it may still remember."""

from dataclasses import dataclass, field
from hashlib import blake2b

# The shortest beginning worth remembering; each next one is twice as long.
SHORTEST_BYTES = 512
# About what the cache of one engine holds: some ten beginnings for each of a hundred prompts.
MOST_PREFIXES = 1024


@dataclass(slots=True)
class Prefixes:
    """The newest prefixes of one worker."""

    _newest_last: dict[int, None] = field(default_factory=dict)

    def __contains__(self, prefix: int) -> bool:
        return prefix in self._newest_last

    def add(self, prefixes: tuple[int, ...]) -> None:
        kept = self._newest_last
        for prefix in prefixes:
            kept.pop(prefix, None)
            kept[prefix] = None
        while len(kept) > MOST_PREFIXES:
            del kept[next(iter(kept))]


def prefixes_of(body: bytes) -> tuple[int, ...]:
    """Hashes of the beginnings of a request's prompt, the shortest first. The bytes are taken as
    they stand: a conversation that goes on repeats them."""
    prompt = memoryview(body)[_start(body) :]
    hasher = blake2b(digest_size=8)
    found = []
    done, size = 0, SHORTEST_BYTES
    while size <= len(prompt):
        hasher.update(prompt[done:size])
        found.append(int.from_bytes(hasher.digest()))
        done, size = size, 2 * size
    return tuple(found)


def _start(body: bytes) -> int:
    """What comes before the prompt may differ from request to request."""
    return next((at for name in (b'"messages"', b'"prompt"') if (at := body.find(name)) >= 0), 0)
