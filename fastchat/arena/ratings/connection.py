"""Which models can be rated: those that won, directly or through others, against each other.

Whoever only won, only lost or met nobody of the rest has no finite rating (Ford, 1957).
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from fastchat.arena.ratings.matches import Matches


def rateable(rows: Matches) -> Sequence[str]:
    """The largest group in which a rating exists for everybody."""
    if not rows.votes:
        return []
    weights = rows.counts * rows.weights
    won = np.concatenate([weights * rows.scores, weights * (1 - rows.scores)])
    winner = np.concatenate([rows.left, rows.right])
    loser = np.concatenate([rows.right, rows.left])
    some = won > 0
    graph = csr_array((won[some], (winner[some], loser[some])), shape=(rows.size, rows.size))
    _, group = connected_components(graph, directed=True, connection="strong")
    largest = np.bincount(group).argmax()
    members = np.flatnonzero(group == largest)
    return [rows.models[index] for index in members] if len(members) > 1 else []
