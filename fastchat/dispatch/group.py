"""The workers of one model beside each other: who may be chosen, what their claims are worth, and
who fails where the others do not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median_low

from fastchat.dispatch.policies import Candidate
from fastchat.dispatch.row import Row

# So many answers, fading, tell a worker's speed; so many ends tell how often it fails.
ENOUGH_ANSWERS = 5
ENOUGH_ENDS = 8
# An outlier fails so often, and so many times as often as its peers do.
OFTEN = 0.2
TIMES_AS_OFTEN = 3


@dataclass(slots=True)
class Group:
    """`open` are the candidates that no breaker holds back; `names` are their addresses."""

    rows: list[Row] = field(default_factory=list)
    open: list[Candidate] = field(default_factory=list)
    names: tuple[str, ...] = ()

    def refresh(self, now: float) -> None:
        self._eject_outliers(now)
        self.open = [row.candidate for row in self.rows if row.breaker.lets_in(now)]
        self.names = tuple([one.address for one in self.open])

    def close_for(self, candidate: Candidate) -> None:
        self.open = [one for one in self.open if one is not candidate]
        self.names = tuple([one.address for one in self.open])

    def believed_speeds(self) -> Iterable[tuple[Row, float]]:
        """Who claims more than its peers has to prove it: until it has, it counts as one of them,
        and then as much as its answers show."""
        typical = median_low([row.entry.speed for row in self.rows])
        modest = [row for row in self.rows if row.entry.speed <= typical]
        paces = [row.record.pace for row in modest if row.record.answered >= ENOUGH_ANSWERS]
        for row in self.rows:
            if row.entry.speed > typical:
                yield row, _proven(row, typical, paces)
            else:
                yield row, row.entry.speed

    def wait_when_full_s(self) -> float:
        return min(row.wait_when_full_s for row in self.rows)

    def _eject_outliers(self, now: float) -> None:
        """While most others do well: when all fail, it is not the workers' fault."""
        known = [row for row in self.rows if row.record.ended >= ENOUGH_ENDS]
        for row in known:
            rate = row.record.failure_rate
            if rate < OFTEN or not row.breaker.is_closed:
                continue
            peers = [other.record.failure_rate for other in known if other is not row]
            if peers and rate > TIMES_AS_OFTEN * median_low(peers):
                row.breaker.open(now)


def _proven(row: Row, typical: float, paces: Sequence[float]) -> float:
    if not paces or row.record.answered < ENOUGH_ANSWERS:
        return typical
    shown = typical * row.record.pace / median_low(paces)
    return max(typical, min(row.entry.speed, shown))
