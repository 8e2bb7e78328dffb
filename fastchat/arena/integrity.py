"""Which votes count, and how much. Nobody is banned: what is too much, too fast or too odd weighs
less, and every number follows from the log alone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fastchat.arena.battle import BLIND, Ballot

Reason = Literal["not_blind", "leak", "too_fast", "duplicate", "voter_cap", "address_cap"]
DAY_S = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """`per_question`: more votes on one and the same question share so many."""

    per_voter_a_day: int = 100
    per_address_a_day: int = 300
    least_dwell_s: float = 2.0
    per_question: int = 50
    blind_only: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """The ballots that count, the weight of each, and how many do not for which reason."""

    ballots: Sequence[Ballot]
    weights: Sequence[float]
    left_out: Mapping[Reason, int] = field(default_factory=dict)


def counted(ballots: Iterable[Ballot], rules: Rules) -> Counted:
    """In the order in which they were cast; of a vote given twice the first holds."""
    left_out: Counter[Reason] = Counter()
    checks = _Checks(rules)
    kept: list[Ballot] = []
    for ballot in sorted(ballots, key=lambda ballot: (ballot.cast_s, ballot.battle)):
        reason = checks.objection(ballot)
        if reason is None:
            kept.append(ballot)
        else:
            left_out[reason] += 1
    return Counted(ballots=kept, weights=_shares(kept, rules), left_out=dict(left_out))


@dataclass(slots=True)
class _Checks:
    """What was seen so far. A vote that does not count uses up nobody's share."""

    rules: Rules
    _seen: set[tuple[object, ...]] = field(default_factory=set)
    _spent: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    def objection(self, ballot: Ballot) -> Reason | None:
        rules = self.rules
        if rules.blind_only and ballot.kind not in BLIND:
            return "not_blind"
        if ballot.leaked:
            return "leak"
        if ballot.dwell_s is not None and ballot.dwell_s < rules.least_dwell_s:
            return "too_fast"
        marks = _marks(ballot)
        if not self._seen.isdisjoint(marks):
            return "duplicate"
        day = int(ballot.cast_s // DAY_S)
        voter, address = ("voter", ballot.voter, day), ("address", ballot.address, day)
        if ballot.voter and self._spent[voter] >= rules.per_voter_a_day:
            return "voter_cap"
        if ballot.address and self._spent[address] >= rules.per_address_a_day:
            return "address_cap"
        self._seen.update(marks)
        self._spent.update([voter, address])
        return None


def _marks(ballot: Ballot) -> list[tuple[object, ...]]:
    """What no second vote may share: the battle; and the question, of one voter on one pair."""
    marks: list[tuple[object, ...]] = [("battle", ballot.battle)]
    if ballot.question and ballot.voter:
        pair = frozenset([ballot.left, ballot.right])
        marks.append(("question", ballot.voter, ballot.question, pair))
    return marks


def _shares(ballots: Sequence[Ballot], rules: Rules) -> list[float]:
    asked = Counter(ballot.question for ballot in ballots if ballot.question)
    return [
        min(1.0, rules.per_question / asked[ballot.question]) if ballot.question else 1.0
        for ballot in ballots
    ]
