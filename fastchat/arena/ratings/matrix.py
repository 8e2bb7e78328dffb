"""Who won how often against whom, with the number of battles beside it."""

from dataclasses import dataclass

import numpy as np

from fastchat.arena.ratings.matches import Floats, Matches


@dataclass(frozen=True, slots=True)
class WinMatrix:
    """`battles[i, j]` between model i and model j; `points[i, j]` of them are i's, a tie is half.
    Every vote counts as one here, whatever its weight."""

    models: tuple[str, ...]
    battles: Floats
    points: Floats


def win_matrix(rows: Matches) -> WinMatrix:
    n = rows.size
    cells = rows.left * n + rows.right

    def table(values: Floats) -> Floats:
        return np.bincount(cells, values, n * n).astype(np.float64).reshape(n, n)

    battles = table(rows.counts)
    points = table(rows.counts * rows.scores)
    lost = table(rows.counts * (1 - rows.scores))
    return WinMatrix(rows.models, battles + battles.T, points + lost.T)
