"""How well a voter agrees with what all others together say: noise and malice weigh less."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fastchat.arena.battle import Ballot
from fastchat.arena.ratings.bradley_terry import expected, fit
from fastchat.arena.ratings.connection import rateable
from fastchat.arena.ratings.matches import Floats, Matches, gathered, rows_of

# Fewer votes say nothing about who cast them.
ENOUGH_VOTES = 10
# Above the first a voter counts fully, below the second hardly.
FULL, HARDLY, LEAST = -2.0, -5.0, 0.1


@dataclass(frozen=True, slots=True)
class Agreement:
    """`score` is in standard deviations: 0 is what an average voter has, -3 is suspect."""

    votes: int
    score: float

    @property
    def weight(self) -> float:
        if self.votes < ENOUGH_VOTES:
            return 1.0
        return float(np.interp(self.score, [HARDLY, FULL], [LEAST, 1.0]))


def agreements(ballots: Sequence[Ballot], weights: Sequence[float]) -> Mapping[str, Agreement]:
    """By voter: the log likelihood of its votes against the one that was to be expected of them.
    The ratings it is held against have its own votes in them; the caps keep that part small."""
    rows = rows_of(ballots, weights)
    together = gathered(rows)
    members = rateable(together)
    if not members:
        return {}
    ratings = dict(zip(members, fit(together.only(members)).ratings, strict=True))
    known = [
        index
        for index, ballot in enumerate(ballots)
        if ballot.voter and ballot.left in ratings and ballot.right in ratings
    ]
    voters = sorted({ballots[index].voter for index in known})
    place = {voter: number for number, voter in enumerate(voters)}
    whose = np.array([place[ballots[index].voter] for index in known], dtype=np.int64)
    off, variance = _off(rows, np.array([ratings.get(model, 0.0) for model in rows.models]))
    totals = np.bincount(whose, off[known], len(voters))
    spreads = np.sqrt(np.bincount(whose, variance[known], len(voters)))
    scores = np.divide(totals, spreads, out=np.zeros(len(voters)), where=spreads > 1e-9)
    votes = np.bincount(whose, minlength=len(voters))
    return {
        voter: Agreement(int(votes[number]), float(scores[number]))
        for voter, number in place.items()
    }


def weighed(ballots: Sequence[Ballot], weights: Sequence[float]) -> list[float]:
    """The weights, less where a voter disagrees with everybody."""
    by_voter = {voter: one.weight for voter, one in agreements(ballots, weights).items()}
    return [
        weight * by_voter.get(ballot.voter, 1.0)
        for ballot, weight in zip(ballots, weights, strict=True)
    ]


def _off(rows: Matches, ratings: Floats) -> tuple[Floats, Floats]:
    """Of each vote: how much likelier it is than was to be expected, and the variance of that."""
    chances = np.clip(expected(rows, ratings), 1e-6, 1 - 1e-6)
    odds = np.log(chances / (1 - chances))
    return (rows.scores - chances) * odds, chances * (1 - chances) * odds**2
