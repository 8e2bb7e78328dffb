"""Ways of choosing a worker, each a pure function of candidates, question and random source."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import inf, log
from random import Random

from fastchat.dispatch.prefixes import Prefixes

# How much busier than the least busy a worker may be before `prefix_affine` leaves it: so many
# requests, and so many times. Both must be passed.
MOST_AHEAD = 4
MOST_TIMES = 1.5

_BITS = (1 << 64) - 1
_UNIT = 2.0**-53


@dataclass(slots=True, eq=False)
class Candidate:
    """A worker as policies see it; its owner, the table, keeps it up to date.

    `speed` is a relative weight above zero. `queue_length` counts what runs and waits there, as far
    as is known; `in_flight` only what was sent from here, by any process on this port. `warmth` is
    below 1 for a newcomer. `turns` grows with each choice, faster for the slow. At `capacity` a
    worker is full.
    """

    address: str
    speed: float = 1.0
    queue_length: float = 0.0
    in_flight: int = 0
    warmth: float = 1.0
    turns: float = 0.0
    capacity: float = inf
    seen: Prefixes = field(default_factory=Prefixes)
    key: int = field(init=False)

    def __post_init__(self) -> None:
        self.key = _number(self.address) | 1

    @property
    def load(self) -> float:
        return self.queue_length / self.speed

    @property
    def weight(self) -> float:
        return self.speed * self.warmth

    @property
    def pressure(self) -> float:
        """The load with one more request: so an idle fast worker is ahead of an idle slow one."""
        return (self.queue_length + 1) / (self.speed * self.warmth)


@dataclass(frozen=True, slots=True)
class Question:
    """What is known of a request beside its model. `session` names a conversation or its user;
    `prefixes` are hashes of ever longer beginnings of its prompt."""

    session: str | None = None
    prefixes: tuple[int, ...] = ()


UNASKED = Question()

Policy = Callable[[Sequence[Candidate], Question, Random], Candidate]


def lottery(candidates: Sequence[Candidate], question: Question, rng: Random) -> Candidate:
    """By chance, in proportion to speed."""
    if len(candidates) == 1:
        return candidates[0]
    drawn = rng.random() * sum([worker.speed * worker.warmth for worker in candidates])
    for worker in candidates:
        drawn -= worker.speed * worker.warmth
        if drawn < 0:
            return worker
    return candidates[-1]


def shortest_queue(candidates: Sequence[Candidate], question: Question, rng: Random) -> Candidate:
    """The least load for its speed, by the worker's own word; the first of equals."""
    return min(candidates, key=_pressure)


def least_in_flight(candidates: Sequence[Candidate], question: Question, rng: Random) -> Candidate:
    """The fewest requests that were sent from here and are not answered, for its speed."""
    return min(candidates, key=lambda worker: (worker.in_flight + 1) / worker.weight)


def power_of_two(candidates: Sequence[Candidate], question: Question, rng: Random) -> Candidate:
    """The less busy of two that chance picks: cheap, and several gateways do not herd."""
    count = len(candidates)
    first = int(rng.random() * count)
    second = int(rng.random() * (count - 1))
    second += second >= first
    if second == count:
        return candidates[first]
    return min(candidates[first], candidates[second], key=_pressure)


def round_robin(candidates: Sequence[Candidate], question: Question, rng: Random) -> Candidate:
    """In turn; a worker of twice the speed has two turns."""
    return min(candidates, key=lambda worker: worker.turns)


def session_sticky(candidates: Sequence[Candidate], question: Question, rng: Random) -> Candidate:
    """A session stays with its worker while that is there; nothing is remembered for it, so all
    gateways agree. A request without a session goes to the least busy."""
    if question.session is None:
        return min(candidates, key=_pressure)
    return _home(candidates, _number(question.session))


def prefix_affine(candidates: Sequence[Candidate], question: Question, rng: Random) -> Candidate:
    """To a worker that saw the longest part of the prompt, and may have kept what it computed for
    it, unless that one is much busier than the least busy."""
    least = min(candidates, key=_pressure)
    for prefix in reversed(question.prefixes):
        holders = [worker for worker in candidates if prefix in worker.seen]
        if holders:
            return _unless_busy(min(holders, key=_pressure), least)
    if not question.prefixes:
        return least
    return _unless_busy(_home(candidates, question.prefixes[0]), least)


POLICIES: Mapping[str, Policy] = {
    "lottery": lottery,
    "shortest_queue": shortest_queue,
    "least_in_flight": least_in_flight,
    "power_of_two": power_of_two,
    "round_robin": round_robin,
    "session_sticky": session_sticky,
    "prefix_affine": prefix_affine,
}
DEFAULT_POLICY = "lottery"
# Those for which a prompt has to be hashed.
READS_PROMPTS = frozenset(["prefix_affine"])


def _pressure(worker: Candidate) -> float:
    return (worker.queue_length + 1) / (worker.speed * worker.warmth)


def _home(candidates: Sequence[Candidate], key: int) -> Candidate:
    """Rendezvous hashing: when a worker goes, only what was its own moves. The logarithm makes the
    shares those of the speeds; among equals it can be left out."""
    if len({worker.speed for worker in candidates}) == 1:
        return max(candidates, key=lambda worker: key * worker.key & _BITS)
    return max(
        candidates,
        key=lambda worker: -worker.speed / log(((key * worker.key & _BITS) >> 11 | 1) * _UNIT),
    )


def _unless_busy(home: Candidate, least: Candidate) -> Candidate:
    ahead = home.load - least.load
    return least if ahead > MOST_AHEAD and home.load > MOST_TIMES * least.load else home


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="replace"), digest_size=8).digest())
