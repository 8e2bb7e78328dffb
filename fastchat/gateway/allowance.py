"""The tokens that a key may use in all, and how many of them are left."""

from collections.abc import Callable

from fastchat.core.board import Place

# Of the numbers that a place has: the tokens used, as far as any process on the port knows.
USED = 0


class Allowance:
    """What one process on the port spends all others know at once; what the database says, other
    servers' use with it, is taken in from time to time. `budget` is the whole of it."""

    __slots__ = ("_find_place", "_found", "_written", "budget")

    def __init__(self, budget: int, find_place: Callable[[], Place] = Place) -> None:
        self.budget = budget
        self._written = 0
        self._find_place = find_place
        self._found: Place | None = None

    @property
    def left(self) -> float:
        return self.budget - self._place.numbers[USED]

    def spend(self, tokens: int) -> None:
        place = self._place
        with place.lock:
            place.numbers[USED] += tokens

    def correct(self, written: int) -> None:
        """By what is written of its use. What is used and not written yet is used none the less."""
        self._written = written
        if self._found is not None:
            self._take_in(self._found)

    def leave(self) -> None:
        """Nobody asks for it any more."""
        if self._found is not None:
            self._found.leave()

    @property
    def _place(self) -> Place:
        if self._found is None:
            self._found = self._find_place()
            self._take_in(self._found)
        return self._found

    def _take_in(self, place: Place) -> None:
        with place.lock:
            place.numbers[USED] = max(place.numbers[USED], self._written)
