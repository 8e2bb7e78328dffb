"""The conversations of all visitors, bounded in number, age and size."""

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from fastchat.core.errors import InvalidRequest, Overloaded

ID = re.compile(r"[0-9a-f]{32}")


class Kept(Protocol):
    """A conversation with one model or with two."""

    @property
    def is_busy(self) -> bool: ...

    @property
    def size(self) -> int:
        """Characters that are kept."""
        ...


K = TypeVar("K", bound=Kept)


@dataclass(slots=True)
class Store(Generic[K]):
    """A browser makes the id of its conversation: 128 random bits that nobody else knows."""

    make: Callable[[], K]
    clock: Callable[[], float]
    most: int = 2000
    idle_s: float = 12 * 3600.0
    most_characters: int = 100_000_000
    # The one used longest ago is first.
    _sessions: OrderedDict[str, K] = field(default_factory=OrderedDict)
    _used: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def busy(self) -> int:
        """Answers that are being written."""
        return sum(session.is_busy for session in self._sessions.values())

    def find(self, id: object) -> K | None:
        return self._sessions.get(id) if isinstance(id, str) else None

    def open(self, id: object) -> K:
        """The conversation of this id, a new one if it is not known (any more)."""
        if not isinstance(id, str) or ID.fullmatch(id) is None:
            raise InvalidRequest("The page has no conversation: reload it.", param="session")
        session = self._sessions.get(id)
        if session is None:
            self._make_room(self.most - 1)
            session = self._sessions[id] = self.make()
        self._sessions.move_to_end(id)
        self._used[id] = self.clock()
        self._make_room(self.most, keep=id)  # those that are there have grown
        return session

    def _make_room(self, most: int, keep: str = "") -> None:
        oldest = self.clock() - self.idle_s
        characters = sum(session.size for session in self._sessions.values())
        for id, session in list(self._sessions.items()):
            full = len(self) > most or characters >= self.most_characters
            if not full and self._used[id] >= oldest:
                return
            if not session.is_busy and id != keep:
                characters -= session.size
                del self._sessions[id], self._used[id]
        if len(self) > most:
            raise Overloaded("Too many conversations are going on.", retry_after_s=30)
