"""The flag that says which models are drawn more often, and which never."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fastchat.arena.sampling import Draw
from fastchat.core.config import flag
from fastchat.core.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class DrawFlags:
    arena_weights: tuple[str, ...] = flag(
        (),
        help="how often blind battles draw a model, beside 1 for all others; 0: never",
        metavar="NAME=WEIGHT",
    )

    @property
    def draw(self) -> Draw:
        """Raises `ConfigError`."""
        return Draw(weights=_weights(self.arena_weights))


def _weights(words: Iterable[str]) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for word in words:
        name, _, said = word.rpartition("=")
        try:
            weight = float(said)
        except ValueError:
            weight = math.nan
        if not name or not 0 <= weight <= 1000:
            raise ConfigError(
                f"--arena-weights {word}: give NAME=WEIGHT, the weight a number from 0 to 1000"
            )
        found[name] = weight
    return found
