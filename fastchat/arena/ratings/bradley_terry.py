"""Bradley-Terry by maximum likelihood: Newton's method on a concave function.

The left model wins with probability sigmoid(r_left - r_right + c·x). A tie is half a win for each.
Ratings are known up to a constant, so their mean is held at zero; see `connection.rateable` for
when they exist at all.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from fastchat.arena.ratings.matches import Floats, Matches

MOST_STEPS = 50
ENOUGH = 1e-10
# On the features only, relative to all votes: a feature that always points to the winner stays
# finite. Ratings bear no penalty.
RIDGE = 1e-6
LONGEST_STEP = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """In natural units. `ratings` have the order of the models, mean zero."""

    ratings: Floats
    effects: Floats  # of one spread more of each feature

    @property
    def parameters(self) -> Floats:
        return np.concatenate([self.ratings, self.effects])


def fit(rows: Matches, start: Fit | None = None) -> Fit:
    parameters = start.parameters if start else np.zeros(rows.size + rows.features.shape[1])
    for _ in range(MOST_STEPS if rows.size else 0):
        step = np.linalg.solve(curvature(rows, parameters), gradient(rows, parameters))
        longest = float(np.abs(step).max(initial=0.0))
        # Where the votes have no maximum (only in a bootstrap sample) this ends far out.
        parameters = parameters + step * min(1.0, LONGEST_STEP / (longest or 1.0))
        if longest < ENOUGH:
            break
    ratings = parameters[: rows.size]
    mean = ratings.sum() / max(rows.size, 1)
    return Fit(ratings=ratings - mean, effects=parameters[rows.size :])


def expected(rows: Matches, parameters: Floats) -> Floats:
    """The share of each row that the left model should win."""
    ratings, effects = parameters[: rows.size], parameters[rows.size :]
    chances: Floats = expit(ratings[rows.left] - ratings[rows.right] + rows.features @ effects)
    return chances


def gradient(rows: Matches, parameters: Floats) -> Floats:
    surprise = rows.counts * rows.weights * (rows.scores - expected(rows, parameters))
    ratings = np.bincount(rows.left, surprise, rows.size)
    ratings -= np.bincount(rows.right, surprise, rows.size)
    effects = parameters[rows.size :]
    return np.concatenate([ratings, surprise @ rows.features - _penalty(rows) * effects])


def curvature(rows: Matches, parameters: Floats) -> Floats:
    """Minus the second derivative. The direction in which all ratings grow alike, which no vote
    speaks of, is given weight, so that the matrix can be inverted and the mean stays."""
    chances = expected(rows, parameters)
    matrix = outer(rows, rows.counts * rows.weights * chances * (1 - chances))
    n = rows.size
    matrix[:n, :n] += max(np.trace(matrix[:n, :n]) / n, 1e-9) / n
    matrix[range(n), range(n)] += 1e-12 * max(rows.votes, 1.0)
    features = range(n, len(matrix))
    matrix[features, features] += _penalty(rows)
    return matrix


def outer(rows: Matches, values: Floats) -> Floats:
    """The sum over rows of value · z zᵀ, where z is +1 at the left model, -1 at the right one and
    the features behind."""
    n, width = rows.size, rows.features.shape[1]
    matrix = np.zeros((n + width, n + width))
    cells = np.bincount(rows.left * n + rows.right, values, n * n).reshape(n, n)
    cells = cells + cells.T
    matrix[:n, :n] = np.diag(cells.sum(axis=1)) - cells
    weighted = values[:, None] * rows.features
    for column in range(width):
        side = np.bincount(rows.left, weighted[:, column], n)
        side -= np.bincount(rows.right, weighted[:, column], n)
        matrix[:n, n + column] = matrix[n + column, :n] = side
    matrix[n:, n:] = rows.features.T @ weighted
    return matrix


def _penalty(rows: Matches) -> float:
    return RIDGE * max(float((rows.counts * rows.weights).sum()), 1.0)
