"""Votes as columns of numbers. Rows that say the same are one row with a count."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fastchat.arena.battle import Ballot, Winner
from fastchat.arena.style import FEATURES, Style

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Of what the left model wins.
SCORE: dict[Winner, float] = {"left": 1.0, "right": 0.0, "tie": 0.5, "both_bad": 0.5}


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """Row k stands for `counts[k]` votes of weight `weights[k]` each between two of `models`."""

    models: tuple[str, ...]
    left: Ints
    right: Ints
    scores: Floats
    weights: Floats
    counts: Floats
    features: Floats  # one column for each; what the left side has more of

    @property
    def size(self) -> int:
        return len(self.models)

    @property
    def votes(self) -> float:
        return float(self.counts.sum())

    def counted(self, counts: Floats) -> "Matches":
        """The same rows, as often as that."""
        return replace(self, counts=counts)

    def only(self, kept: Sequence[str]) -> "Matches":
        """The votes between these models."""
        wanted = sorted(kept)
        place = np.full(self.size, -1, dtype=np.int64)
        for index, model in enumerate(wanted):
            place[self.models.index(model)] = index
        rows = (place[self.left] >= 0) & (place[self.right] >= 0)
        return Matches(
            models=tuple(wanted),
            left=place[self.left[rows]],
            right=place[self.right[rows]],
            scores=self.scores[rows],
            weights=self.weights[rows],
            counts=self.counts[rows],
            features=self.features[rows],
        )


def matches(
    ballots: Sequence[Ballot], weights: Sequence[float] | None = None, *, styled: bool = False
) -> Matches:
    """`styled`: with a row's style beside its result; rows without one count as alike in style."""
    rows = rows_of(ballots, weights)
    return replace(rows, features=_features(ballots)) if styled else gathered(rows)


def rows_of(ballots: Sequence[Ballot], weights: Sequence[float] | None = None) -> Matches:
    """One row for each, in their order, without features."""
    models = tuple(sorted({ballot.left for ballot in ballots} | {b.right for b in ballots}))
    index = {model: place for place, model in enumerate(models)}
    return Matches(
        models=models,
        left=np.array([index[ballot.left] for ballot in ballots], dtype=np.int64),
        right=np.array([index[ballot.right] for ballot in ballots], dtype=np.int64),
        scores=np.array([SCORE[ballot.winner] for ballot in ballots], dtype=np.float64),
        weights=np.ones(len(ballots)) if weights is None else np.array(weights, dtype=np.float64),
        counts=np.ones(len(ballots)),
        features=np.empty((len(ballots), 0)),
    )


def gathered(rows: Matches) -> Matches:
    """Rows that are equal become one. Only without features: those differ from vote to vote."""
    if not len(rows.left):
        return rows
    keys = np.column_stack([rows.left, rows.right, rows.scores, rows.weights])
    unique, group = np.unique(keys, axis=0, return_inverse=True)
    return Matches(
        models=rows.models,
        left=unique[:, 0].astype(np.int64),
        right=unique[:, 1].astype(np.int64),
        scores=unique[:, 2],
        weights=unique[:, 3],
        counts=np.bincount(group.reshape(-1), rows.counts, len(unique)).astype(np.float64),
        features=np.empty((len(unique), 0)),
    )


def _features(ballots: Sequence[Ballot]) -> Floats:
    """The difference over the sum, in units of its spread. The mean is left where it is: to swap
    left and right must change nothing but the sign."""
    sides = np.array([_numbers(ballot.styles) for ballot in ballots], dtype=np.float64)
    left, right = np.split(sides.reshape(len(ballots), 2 * len(FEATURES)), 2, axis=1)
    together = left + right
    raw = np.divide(left - right, together, out=np.zeros_like(left), where=together > 0)
    spread = np.sqrt((raw**2).mean(axis=0)) if len(raw) else np.ones(len(FEATURES))
    return np.asarray(raw / np.where(spread == 0, 1.0, spread))


def _numbers(styles: tuple[Style, Style] | None) -> tuple[int, ...]:
    if styles is None:
        return (0,) * (2 * len(FEATURES))
    a, b = styles
    return a.length, a.headings, a.lists, a.bold, b.length, b.headings, b.lists, b.bold
