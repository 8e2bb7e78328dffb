"""All that a table knows of one incarnation of a worker."""

from dataclasses import dataclass, field
from math import inf
from typing import Literal

from fastchat.core.board import Place
from fastchat.dispatch.breaker import Breaker
from fastchat.dispatch.policies import Candidate
from fastchat.protocol.cluster import WorkerEntry

# How a request went at a worker: it began to answer; it came to a good end, or to a refusal that
# was the request's fault; it broke, could not be reached, did not stir, or was full.
Outcome = Literal["began", "ok", "failed", "unreachable", "silent", "full"]

# A newcomer's share grows from COLD to whole: its caches are empty, and it may not be what it says.
COLD = 0.1
WARM_UP_S = 10.0
# A worker that was full is asked again after this time, or when it tells a new load.
FULL_S = 1.0
# Without a word for so long while requests run there, or for two heart-beats in any case, a worker
# is suspect.
SILENT_S = 3.0
BEATS_MISSED_S = 12.0
# What is older than a few of these counts for little.
MEMORY_S = 30.0


@dataclass(slots=True)
class Record:
    """How requests went lately: sums that fade."""

    ended: float = 0.0
    failed: float = 0.0
    answered: float = 0.0
    answering_s: float = 0.0

    def fade(self, keep: float) -> None:
        self.ended *= keep
        self.failed *= keep
        self.answered *= keep
        self.answering_s *= keep

    @property
    def failure_rate(self) -> float:
        return self.failed / self.ended if self.ended else 0.0

    @property
    def pace(self) -> float:
        """Answers in a second of answering."""
        return self.answered / self.answering_s if self.answering_s else 0.0


@dataclass(slots=True, eq=False)
class Row:
    """`place` is what the processes that share a port have in common about it: its breaker, and how
    many requests each has there. `found_dead`: it did not answer when it was asked for a sign of
    life. `in_flight_then`: requests from here that ran when the worker last told its load;
    `sent_since`: requests of others since then. `_beside`: what runs there for others; `_siblings`:
    what the other processes on the port had there when last was looked."""

    entry: WorkerEntry
    since: float
    heard_at: float
    candidate: Candidate = field(init=False)
    place: Place = field(default_factory=Place)
    breaker: Breaker = field(init=False)
    record: Record = field(default_factory=Record)
    in_flight_then: int = 0
    sent_since: int = 0
    full_until: float | None = None
    unreachable: bool = False
    found_dead: bool = False
    unconfirmed_since: float | None = None
    _beside: float = 0.0
    _siblings: int = 0

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.place)
        self.candidate = Candidate(self.entry.address, self.entry.speed)
        self.tell(self.entry, self.heard_at)

    def tell(self, entry: WorkerEntry, now: float) -> None:
        """The worker's own word, fresh."""
        self.entry = entry
        self.hear_siblings()
        self.in_flight_then = self.candidate.in_flight
        self.sent_since = 0
        self.heard_at = now
        self.unconfirmed_since = None
        self._not_full()
        self._count()

    def send(self) -> None:
        one = self.candidate
        one.in_flight += 1
        one.queue_length = one.in_flight + self._beside
        if self.place.is_shared:
            self.place.tell(self.in_flight)

    def end(self) -> None:
        one = self.candidate
        one.in_flight -= 1
        one.queue_length = one.in_flight + self._beside
        if self.place.is_shared:
            self.place.tell(self.in_flight)

    @property
    def in_flight(self) -> int:
        """Of this process alone."""
        return self.candidate.in_flight - self._siblings

    def hear_siblings(self) -> None:
        """What the other processes on the port have there now."""
        if self.place.is_shared:
            one, siblings = self.candidate, self.place.others()
            one.in_flight += siblings - self._siblings
            one.queue_length = one.in_flight + self._beside
            self._siblings = siblings

    def send_for_others(self) -> None:
        self.sent_since += 1
        self._count()

    def refresh(self, now: float, keep: float) -> None:
        """What only time changes, or another process."""
        self.hear_siblings()
        self.candidate.warmth = min(1.0, COLD + (1 - COLD) * (now - self.since) / WARM_UP_S)
        self.record.fade(keep)
        if self.full_until is not None and now >= self.full_until:
            self._not_full()

    def report(self, outcome: Outcome, now: float, took_s: float) -> bool:
        """Whether that opened or closed the breaker."""
        if outcome == "ok" or outcome == "began":
            return self._answered(outcome, now, took_s)
        if outcome == "full":
            self.heard_at = now
            self.full_until = now + FULL_S
            self.candidate.capacity = 0.0
            return False
        return self._failed(outcome, now)

    def probed(self, now: float, *, alive: bool) -> None:
        self.found_dead = not alive
        if alive:
            self.heard_at = now
            if self.unreachable:
                self.unreachable = False
                self.breaker.allow_trial(now)
            return
        self.unreachable = True
        if self.breaker.lets_in(now):
            self.breaker.open(now)

    def is_suspect(self, now: float) -> bool:
        silent_s = now - self.heard_at
        waited_for = self.in_flight > 0 and silent_s >= SILENT_S
        return self.unreachable or waited_for or silent_s >= BEATS_MISSED_S

    @property
    def wait_when_full_s(self) -> float:
        """By the worker's own word, or the time of one answer."""
        if self.entry.wait_s is not None:
            return self.entry.wait_s
        return 1 / self.record.pace if self.record.pace else 1.0

    def _answered(self, outcome: Outcome, now: float, took_s: float) -> bool:
        self.heard_at = now
        self.unreachable = self.found_dead = False
        if outcome == "ok":
            record = self.record
            record.ended += 1
            record.answered += 1
            record.answering_s += took_s
        closes = self.breaker.succeed(now)
        if closes:
            self.since = now
        return closes

    def _failed(self, outcome: Outcome, now: float) -> bool:
        self.record.ended += 1
        self.record.failed += 1
        self.unreachable = outcome != "failed"  # so that it is asked whether it still lives
        return self.breaker.fail(now)

    def _count(self) -> None:
        """The worker's own word, corrected by what was sent and has ended since; and it is never
        less busy than with what was sent from here."""
        one = self.candidate
        beside = self.entry.queue_length + self.sent_since - self.in_flight_then
        self._beside = max(0.0, beside)
        one.queue_length = one.in_flight + self._beside

    def _not_full(self) -> None:
        capacity = self.entry.capacity
        self.candidate.capacity = inf if capacity is None else capacity
        self.full_until = None
