"""How many votes carry the first place: without that many well-chosen ones another would lead."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastchat.arena.ratings.bradley_terry import Fit, curvature, expected, fit
from fastchat.arena.ratings.connection import rateable
from fastchat.arena.ratings.matches import Floats, Ints, Matches

# Of the next in rank those are looked at closely that need the fewest votes by their influence.
RIVALS, CLOSELY = 5, 2
# Leads that are no line are bisected.
MOST_LINES = 8
# Ratings that differ by less are equal, and nobody was overtaken.
EVEN = 1e-9


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
    least: Fragility | None = None
    for plan in sorted(plans, key=lambda plan: plan.guess)[:CLOSELY]:
        # A further rival matters only if it needs fewer.
        most = plan.most if least is None else min(plan.most, least.votes - 1)
        votes = _least(_Lead(rows, found, plan), plan.guess, most)
        if votes is not None:
            least = Fragility(rows.models[plan.first], rows.models[plan.rival], votes)
    return least


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


def _least(lead: "_Lead", guess: int, most: int) -> int | None:
    """Votes of that order only help the first, so its lead shrinks with every one that goes: the
    line through the last two leads that were seen says where it ends."""
    few, many = 0, most + 1  # the first does not do it; the second does, or is not to be had
    before, seen = 0, lead.whole
    votes, tries = min(guess, most), 0
    while many - few > 1:
        left = lead.without(votes)
        few, many = (few, votes) if left < -EVEN else (votes, many)
        slope = (left - seen) / (votes - before)
        before, seen, tries = votes, left, tries + 1
        is_line = -np.inf < slope < 0 and tries <= MOST_LINES
        aim = votes - left / slope if is_line else (few + many) / 2
        votes = min(max(int(min(aim, most)) + 1, few + 1), many - 1)
    return many if many <= most else None


@dataclass(slots=True)
class _Lead:
    """Of the first before the rival. Each rating begins at the one before: they differ little."""

    rows: Matches
    found: Fit
    plan: _Plan
    _last: Fit | None = None

    @property
    def whole(self) -> float:
        return float(self.found.ratings[self.plan.first] - self.found.ratings[self.plan.rival])

    def without(self, votes: int) -> float:
        """Infinite where no rating exists any more."""
        first, rival = self.plan.first, self.plan.rival
        less = _without(self.rows, self.plan.order, votes)
        if not {self.rows.models[first], self.rows.models[rival]} <= set(rateable(less)):
            return -np.inf if _surely_less(less, first, rival) else np.inf
        self._last = fit(less, self._last or self.found)
        return float(self._last.ratings[first] - self._last.ratings[rival])


def _influence(rows: Matches, found: Fit, direction: Floats) -> Floats:
    """How much the lead of the first would shrink without one vote of each row, to first order."""
    surprise = rows.weights * (rows.scores - expected(rows, found.parameters))
    reach: Floats = direction[rows.left] - direction[rows.right]
    reach = reach + rows.features @ direction[rows.size :]
    return np.asarray(surprise * reach)


def _without(rows: Matches, order: Ints, votes: int) -> Matches:
    counts = rows.counts.copy()
    before = np.concatenate([[0.0], np.cumsum(counts[order])[:-1]])
    counts[order] -= np.clip(votes - before, 0, counts[order])
    return rows.counted(counts)


def _surely_less(rows: Matches, first: int, rival: int) -> bool:
    """Where no rating exists any more: only the first has won nothing, or only the rival lost
    nothing."""
    won, lost = rows.counts * rows.scores, rows.counts * (1 - rows.scores)

    def total(model: int, left: Floats, right: Floats) -> float:
        return float(left[rows.left == model].sum() + right[rows.right == model].sum())

    won_by_first, won_by_rival = total(first, won, lost), total(rival, won, lost)
    lost_by_first, lost_by_rival = total(first, lost, won), total(rival, lost, won)
    return bool((not won_by_first and won_by_rival) or (not lost_by_rival and lost_by_first))
