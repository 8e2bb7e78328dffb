"""The tokens that a key may use in all, and how many of them are left."""

from collections.abc import Callable

from fastchat.core.board import Place

# Of the numbers that a place has: what was spent since it was taken.
SPENT = 0


class Allowance:
    """What one process on the port spends all others know at once; what the database says, other
    servers' use with it, is taken in from time to time. `budget` is the whole of it."""

    __slots__ = ("_find_place", "_found", "_left", "_spent_then", "budget")

    def __init__(self, budget: int, find_place: Callable[[], Place] = Place) -> None:
        self.budget = budget
        self._left = float(budget)
        self._spent_then = 0.0
        self._find_place = find_place
        self._found: Place | None = None

    @property
    def left(self) -> float:
        return self._left - (self._place.numbers[SPENT] - self._spent_then)

    def spend(self, tokens: int) -> None:
        place = self._place
        with place.lock:
            place.numbers[SPENT] += tokens

    def correct(self, written: int) -> None:
        """By what is written of its use. What is used and not written yet is used none the less."""
        left: float = self.budget - written
        if self._found is not None:
            left = min(left, self.left)
            self._spent_then = self._found.numbers[SPENT]
        self._left = left

    def leave(self) -> None:
        """Nobody asks for it any more."""
        if self._found is not None:
            self._found.leave()

    @property
    def _place(self) -> Place:
        if self._found is None:
            self._found = self._find_place()
            self._spent_then = self._found.numbers[SPENT]
        return self._found
