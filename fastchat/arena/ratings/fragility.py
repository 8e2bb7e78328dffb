"""How many votes carry the first place: without that many well-chosen ones another would lead."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastchat.arena.ratings.bradley_terry import Fit, curvature, expected, fit
from fastchat.arena.ratings.connection import rateable
from fastchat.arena.ratings.matches import Floats, Ints, Matches

# Of the next in rank those are looked at closely that need the fewest votes by their influence.
RIVALS, CLOSELY = 5, 2


@dataclass(frozen=True, slots=True)
class Fragility:
    """Without `votes` votes `rival` would be first. An upper bound: the votes are chosen by their
    influence and the claim is checked by rating again; a smaller set may exist."""

    first: str
    rival: str
    votes: int


def fragility(rows: Matches, found: Fit, placed: Sequence[bool]) -> Fragility | None:
    """None when there is no second, or no votes whose loss would do it."""
    order = [int(index) for index in np.argsort(-found.ratings) if placed[index]]
    if len(order) < 2:
        return None
    bread = np.asarray(np.linalg.inv(curvature(rows, found.parameters)), dtype=np.float64)
    plans = [_plan(rows, found, bread, order[0], rival) for rival in order[1 : 1 + RIVALS]]
    nearest = sorted(plans, key=lambda plan: plan.guess)[:CLOSELY]
    claims = [_least(rows, found, plan) for plan in nearest]
    some = [claim for claim in claims if claim is not None]
    return min(some, key=lambda claim: claim.votes, default=None)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Rows whose votes help the first against the rival, the most helpful in front; how many votes
    of them have to go, by first-order influence, and how many there are."""

    first: int
    rival: int
    order: Ints
    guess: int
    most: int


def _plan(rows: Matches, found: Fit, bread: Floats, first: int, rival: int) -> _Plan:
    gain = _influence(rows, found, bread[first] - bread[rival])
    order = np.argsort(-gain, kind="stable")
    order = order[gain[order] > 0]
    counts = np.cumsum(rows.counts[order])
    lost = np.cumsum(rows.counts[order] * gain[order])
    lead = found.ratings[first] - found.ratings[rival]
    most = int(counts[-1]) if len(counts) else 0
    row = int(np.searchsorted(lost, lead))
    if row >= len(order):
        return _Plan(first, rival, order, most, most)
    missing = max(0.0, lost[row] - lead) / gain[order[row]]
    return _Plan(first, rival, order, max(1, int(counts[row] - missing)), most)


def _least(rows: Matches, found: Fit, plan: _Plan) -> Fragility | None:
    """Votes of that order only help the first, so the least number is found between a number that
    does not do it and one that does, beginning at the guess."""
    if not plan.most:
        return None
    few, many, stride = 0, plan.guess, max(1, plan.guess // 20)
    while not _flips(rows, found, plan, many):
        if many >= plan.most:
            return None
        few, many, stride = many, min(plan.most, many + stride), stride * 2
    while many - few > 1:
        middle = (few + many) // 2 if few else max(1, many - stride)
        if _flips(rows, found, plan, middle):
            many, stride = middle, stride * 2
        else:
            few = middle
    return Fragility(rows.models[plan.first], rows.models[plan.rival], many)


def _influence(rows: Matches, found: Fit, direction: Floats) -> Floats:
    """How much the lead of the first would shrink without one vote of each row, to first order."""
    surprise = rows.weights * (rows.scores - expected(rows, found.parameters))
    reach: Floats = direction[rows.left] - direction[rows.right]
    reach = reach + rows.features @ direction[rows.size :]
    return np.asarray(surprise * reach)


def _flips(rows: Matches, found: Fit, plan: _Plan, votes: int) -> bool:
    less = _without(rows, plan.order, votes)
    if not {rows.models[plan.first], rows.models[plan.rival]} <= set(rateable(less)):
        return _surely_less(less, plan.first, plan.rival)
    ratings = fit(less, found).ratings
    return bool(ratings[plan.rival] > ratings[plan.first])


def _without(rows: Matches, order: Ints, votes: int) -> Matches:
    counts = rows.counts.copy()
    before = np.concatenate([[0.0], np.cumsum(counts[order])[:-1]])
    counts[order] -= np.clip(votes - before, 0, counts[order])
    return rows.counted(counts)


def _surely_less(rows: Matches, first: int, rival: int) -> bool:
    """Where no rating exists any more: the first has won nothing, or the rival lost nothing."""
    won, lost = rows.counts * rows.scores, rows.counts * (1 - rows.scores)
    firsts = won[rows.left == first].sum() + lost[rows.right == first].sum()
    against = lost[rows.left == rival].sum() + won[rows.right == rival].sum()
    return bool((firsts == 0) != (against == 0))
