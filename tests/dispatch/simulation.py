"""Workers in simulated time behind a real table: who waits how long under which policy.

Requests come at random; each has an amount of work. A worker does so much a second in each of its
slots, the rest waits in line, and once a second it tells its queue length. One that has computed a
prompt's beginning before does a part of the work only.
"""

import heapq
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import quantiles

from fastchat.dispatch import Lease, Question, Table
from fastchat.protocol.cluster import WorkerEntry

MODEL = "m"
BEAT_S = 1.0
# What the shared beginning of a prompt costs of the whole work.
PREFIX_COST = 0.75


@dataclass(frozen=True, kw_only=True)
class Worker:
    """`speed` is true, `claims` is what it tells; a liar's queue is always empty."""

    name: str
    speed: float = 1.0
    claims: float = 1.0
    slots: int = 4
    lies: bool = False
    remembers: int = 20

    @property
    def address(self) -> str:
        return f"http://{self.name}"


@dataclass(frozen=True, kw_only=True)
class Request:
    number: int
    comes_at: float
    work_s: float
    session: str
    prefixes: tuple[int, ...]


@dataclass(frozen=True)
class Scenario:
    """`busy` is the share of all slots that work on average; `topics` is how many different
    beginnings prompts have, none when 0."""

    name: str
    workers: Sequence[Worker]
    busy: float = 0.7
    topics: int = 0
    length_spread: float = 1.0
    count: int = 4000

    def requests(self, rng: Random) -> Iterator[Request]:
        capacity = sum(worker.speed * worker.slots for worker in self.workers)
        now = 0.0
        for number in range(self.count):
            now += rng.expovariate(capacity * self.busy)
            topic = int(rng.random() ** 2 * self.topics) if self.topics else number
            yield Request(
                number=number,
                comes_at=now,
                work_s=rng.lognormvariate(-(self.length_spread**2) / 2, self.length_spread),
                session=f"session-{topic}",
                prefixes=(topic * 2**40 + 1,) if self.topics else (),
            )


@dataclass
class Outcome:
    """Seconds in line for each request; dispatches for each worker, in all and after 5 s."""

    waited: list[float] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    sent_later: Counter[str] = field(default_factory=Counter)
    reused: int = 0

    def percentile(self, percent: int) -> float:
        return quantiles(self.waited, n=100)[percent - 1]

    def share(self, worker: Worker) -> float:
        return self.sent_later[worker.address] / self.sent_later.total()

    def imbalance(self, workers: Sequence[Worker]) -> float:
        """The most requests for its true speed that a worker got, over the average."""
        loads = [self.sent[one.address] / one.speed for one in workers]
        return max(loads) / (self.sent.total() / sum(one.speed for one in workers))


@dataclass
class _Busy:
    """One worker at work."""

    worker: Worker
    running: int = 0
    line: list[tuple[Request, Lease]] = field(default_factory=list)
    seen: "OrderedDict[int, None]" = field(default_factory=OrderedDict)

    @property
    def queue_length(self) -> int:
        return 0 if self.worker.lies else self.running + len(self.line)

    def entry(self) -> WorkerEntry:
        return WorkerEntry(
            address=self.worker.address,
            model_names=(MODEL,),
            speed=min(self.worker.claims, 100),
            queue_length=self.queue_length,
            epoch=1,
        )

    def takes_s(self, request: Request) -> tuple[float, bool]:
        known = any(prefix in self.seen for prefix in request.prefixes)
        for prefix in request.prefixes:
            self.seen[prefix] = None
            self.seen.move_to_end(prefix)
        while len(self.seen) > self.worker.remembers:
            self.seen.popitem(last=False)
        saved = PREFIX_COST if known else 0.0
        return request.work_s * (1 - saved) / self.worker.speed, known


def simulate(scenario: Scenario, policy: str, seed: int = 0) -> Outcome:
    return _Run(scenario, policy, seed).run()


class _Run:
    def __init__(self, scenario: Scenario, policy: str, seed: int) -> None:
        self._now = 0.0
        self._requests = scenario.requests(Random(seed))
        self._table = Table(lambda: self._now, Random(seed + 1), policy)
        self._workers = {one.address: _Busy(one) for one in scenario.workers}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._outcome = Outcome()
        self._unfinished = scenario.count

    def run(self) -> Outcome:
        for number, address in enumerate(self._workers):
            self._table.put(self._workers[address].entry())
            self._at(BEAT_S * number / len(self._workers), lambda to=address: self._beat(to))  # type: ignore[misc]  # a default binds the name
        self._come()
        while self._unfinished:
            self._now, _, event = heapq.heappop(self._events)
            event()
        return self._outcome

    def _at(self, when: float, event: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, event))

    def _beat(self, address: str) -> None:
        self._table.put(self._workers[address].entry())
        self._at(self._now + BEAT_S, lambda: self._beat(address))

    def _come(self) -> None:
        request = next(self._requests, None)
        if request is not None:
            self._at(request.comes_at, lambda: self._dispatch(request))

    def _dispatch(self, request: Request) -> None:
        question = Question(request.session, request.prefixes)
        lease = self._table.choose(MODEL, question=question)
        self._table.take(lease)
        address = lease.worker.address
        self._outcome.sent[address] += 1
        if self._now >= 5:
            self._outcome.sent_later[address] += 1
        worker = self._workers[address]
        worker.line.append((request, lease))
        self._start(worker)
        self._come()

    def _start(self, worker: _Busy) -> None:
        while worker.line and worker.running < worker.worker.slots:
            request, lease = worker.line.pop(0)
            worker.running += 1
            self._outcome.waited.append(self._now - request.comes_at)
            takes_s, known = worker.takes_s(request)
            self._outcome.reused += known
            self._at(self._now + takes_s, lambda held=lease: self._end(worker, held))  # type: ignore[misc]  # a default binds the lease

    def _end(self, worker: _Busy, lease: Lease) -> None:
        worker.running -= 1
        self._unfinished -= 1
        self._table.release(lease)
        self._table.report(lease, "ok")
        self._start(worker)


def _workers(*speeds: float, honest: bool) -> tuple[Worker, ...]:
    return tuple(
        Worker(name=f"w{number}", speed=speed, claims=speed if honest else 1)
        for number, speed in enumerate(speeds)
    )


EVEN = Scenario("eight alike", _workers(*[1.0] * 8, honest=True))
UNEVEN = Scenario("uneven, as claimed", _workers(1, 1, 1, 2, 2, 4, honest=True))
HIDDEN = Scenario("uneven, all claim 1", _workers(0.5, 1, 1, 1, 2, 2, honest=False), busy=0.6)
TOPICS = Scenario(
    "shared beginnings", _workers(*[1.0] * 8, honest=True), busy=1.2, topics=100, length_spread=0.5
)
LIAR = Scenario(
    "one liar of four",
    (
        *_workers(1, 1, 1, honest=True),
        Worker(name="liar", speed=1, claims=1e9, lies=True),
    ),
)
SCENARIOS = (EVEN, UNEVEN, HIDDEN, TOPICS, LIAR)
