"""What several rounds say together, and whether they say enough for a verdict."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# How sure one wants to be that the median lies in the spread.
CONFIDENCE = 0.9

Verdict = Literal["met", "missed", "not resolved"]


@dataclass(frozen=True, slots=True)
class Spread:
    low: float
    median: float
    high: float
    rounds: int


def spread(values: Sequence[float]) -> Spread:
    """The median, and the narrowest pair of order statistics that holds the true one with
    `CONFIDENCE`. Up to seven rounds that is the whole range."""
    ordered = sorted(values)
    outside = _outside(len(ordered))
    return Spread(ordered[outside], statistics.median(ordered), ordered[-1 - outside], len(ordered))


def judge(seen: Spread, bound: float, *, at_most: bool) -> Verdict:
    """One round resolves nothing; a spread that straddles the bound neither."""
    met = seen.high <= bound if at_most else seen.low >= bound
    missed = seen.low > bound if at_most else seen.high < bound
    if seen.rounds < 2 or not (met or missed):
        return "not resolved"
    return "met" if met else "missed"


def _outside(count: int) -> int:
    """How many values of each end can be left out."""
    tail, outside = 0, 0
    while True:
        tail += math.comb(count, outside)
        if 1 - 2 * tail / 2**count < CONFIDENCE:
            return max(0, outside - 1)
        outside += 1
