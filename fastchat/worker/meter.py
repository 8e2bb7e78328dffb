"""How many tokens a worker has made, and how fast it makes them now."""

import math
from collections.abc import Callable
from dataclasses import dataclass

# What came this long ago counts for a third of what comes now.
FADING_S = 2.0


@dataclass(slots=True)
class Meter:
    clock: Callable[[], float]
    tokens: int = 0
    _speed: float = 0.0
    _at: float = 0.0

    def add(self, tokens: int) -> None:
        self.tokens += tokens
        self._speed = self.tokens_per_s() + tokens / FADING_S
        self._at = self.clock()

    def tokens_per_s(self) -> float:
        """A mean in which the past fades."""
        return self._speed * math.exp(-(self.clock() - self._at) / FADING_S)
