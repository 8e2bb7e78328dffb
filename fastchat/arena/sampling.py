"""Who fights whom: by weight, with a boost for models that have too few votes."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fastchat.core.errors import InvalidRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """`weights` by model, 1 for who is not named; 0 keeps a model out. A model without votes is
    drawn `boost` times as often as one with `enough` of them."""

    weights: Mapping[str, float] = field(default_factory=dict)
    boost: float = 5.0
    enough: int = 300

    def pair(
        self, models: Sequence[str], votes: Mapping[str, int], rng: random.Random
    ) -> tuple[str, str]:
        """Left and right: two different models, their sides by chance."""
        able = [model for model in sorted(set(models)) if self._weight(model, votes) > 0]
        if len(able) < 2:
            raise InvalidRequest(
                "A battle needs two models, and fewer are there. Start another worker.",
                param="model",
            )
        first = _drawn(able, [self._weight(model, votes) for model in able], rng)
        rivals = [model for model in able if model != first]
        second = _drawn(rivals, [self._weight(model, votes) for model in rivals], rng)
        return (first, second) if rng.random() < 0.5 else (second, first)

    def _weight(self, model: str, votes: Mapping[str, int]) -> float:
        lacking = max(0.0, 1 - votes.get(model, 0) / self.enough)
        return self.weights.get(model, 1.0) * (1 + (self.boost - 1) * lacking)


def votes_of(pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    """How many of these battles each model was in."""
    counts: dict[str, int] = {}
    for pair in pairs:
        for model in pair:
            counts[model] = counts.get(model, 0) + 1
    return counts


def _drawn(names: Sequence[str], weights: Sequence[float], rng: random.Random) -> str:
    return rng.choices(names, weights)[0]
