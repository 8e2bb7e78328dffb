"""Ranks as ranges: one number would claim more than the votes say."""

from collections.abc import Sequence

import numpy as np

from fastchat.arena.ratings.intervals import Interval


def rank_ranges(interval: Interval, placed: Sequence[bool]) -> list[tuple[int, int] | None]:
    """The best and the worst rank that the intervals allow: who lies wholly above is surely
    better, who lies wholly below surely worse. None for who is not `placed`."""
    held = np.array(placed, dtype=bool)
    lower, upper = interval.lower[held], interval.upper[held]
    ranges: list[tuple[int, int] | None] = []
    for low, high, is_placed in zip(interval.lower, interval.upper, held, strict=True):
        best = 1 + int((lower > high).sum())
        worst = len(lower) - int((upper < low).sum())
        ranges.append((best, worst) if is_placed else None)
    return ranges
