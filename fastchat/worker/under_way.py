"""The requests that a worker answers, by id, so that they can be ended from outside."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastchat.core.errors import Aborted, PlatformError

# Says these last words, at once, and frees what the request holds.
End = Callable[[PlatformError], None]


@dataclass(slots=True)
class UnderWay:
    """Ids come from callers: several requests may have the same."""

    _ends: dict[str, list[End]] = field(default_factory=dict)

    def add(self, id: str, end: End) -> None:
        self._ends.setdefault(id, []).append(end)

    def discard(self, id: str, end: End) -> None:
        """A second call does nothing."""
        ends = self._ends.get(id, [])
        if end in ends:
            ends.remove(end)
        if not ends:
            self._ends.pop(id, None)

    @contextmanager
    def known(self, id: str, end: End) -> Iterator[None]:
        self.add(id, end)
        try:
            yield
        finally:
            self.discard(id, end)

    def abort(self, id: str) -> int:
        """How many there were."""
        ends = list(self._ends.get(id, ()))
        for end in ends:
            end(Aborted())
        return len(ends)
