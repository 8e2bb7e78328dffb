"""Who may run, who waits, and who is told to come back later."""

import asyncio
import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from fastchat.core.errors import DeadlinePassed, Overloaded
from fastchat.core.lanes import Lane

# Weight of the newest request in the running mean of service times.
NEWEST = 0.2


@dataclass(slots=True)
class Admission:
    """`slots` requests run at once, `queue_limit` more wait; the rest is refused at once. Who waits
    because its lane is full lets the others pass."""

    slots: int
    queue_limit: int
    clock: Callable[[], float]
    running: int = 0
    waiting: int = 0
    _service_s: float = 1.0
    _queue: deque["Ticket"] = field(default_factory=deque)
    _in_lanes: Counter[Lane] = field(default_factory=Counter)

    @property
    def queue_length(self) -> int:
        return self.running + self.waiting

    @property
    def capacity(self) -> int:
        """What an idle worker can take at once."""
        return self.slots + self.queue_limit

    @property
    def wait_when_full_s(self) -> float:
        """Until a slot should be free for one who comes when the queue is full."""
        return self._wait_s(self.queue_limit)

    def enter(self, granted: Callable[[], None], lane: Lane | None = None) -> "Ticket":
        """A place, in a slot or in the queue; `granted` is called when it is a slot, now or later.
        Raises `Overloaded` when the queue is full."""
        ticket = Ticket(self, granted, lane)
        if self._has_room(lane):
            self._begin(ticket)
            return ticket
        if self.waiting >= self.queue_limit:
            raise Overloaded(
                f"The worker runs {self.running} requests and {self.waiting} wait "
                "(--limit-worker-concurrency). Retry later, or start another worker.",
                retry_after_s=self.retry_after_s(lane),
            )
        self.waiting += 1
        self._queue.append(ticket)
        return ticket

    def slot(self, *, until: float | None = None, lane: Lane | None = None) -> "Slot":
        """Held while the body runs. Entering it raises `Overloaded` when the queue is full, and
        `DeadlinePassed` when none was free until then, by the clock."""
        return Slot(self, until, lane)

    def retry_after_s(self, lane: Lane | None = None) -> int:
        """Whole seconds until a slot should be free for one who comes now."""
        if lane is None:
            return max(1, math.ceil(self._wait_s(self.waiting)))
        ahead = sum(ticket.lane is lane for ticket in self._queue)
        return max(1, math.ceil(self._wait_s(ahead, lane.width)))

    def _has_room(self, lane: Lane | None) -> bool:
        """Nobody waits who could run: whoever leaves lets the next one in."""
        in_lane = lane is None or self._in_lanes[lane] < lane.width
        return in_lane and self.running < self.slots

    def _begin(self, ticket: "Ticket") -> None:
        self.running += 1
        if ticket.lane is not None:
            self._in_lanes[ticket.lane] += 1
        ticket.begin(self.clock())

    def _leave(self, ticket: "Ticket", began: float | None) -> None:
        if began is None:
            self.waiting -= 1
            self._queue.remove(ticket)
            return
        self.running -= 1
        if ticket.lane is not None:
            self._in_lanes[ticket.lane] -= 1
        self._service_s += NEWEST * (self.clock() - began - self._service_s)
        following = next((one for one in self._queue if self._has_room(one.lane)), None)
        if following is not None:
            self.waiting -= 1
            self._queue.remove(following)
            self._begin(following)

    def _wait_s(self, waiting: int, at_once: int | None = None) -> float:
        return (waiting + 1) * self._service_s / min(self.slots, at_once or self.slots)


class Ticket:
    """One request's place, until it leaves."""

    __slots__ = ("_admission", "_began", "_granted", "_left", "lane")

    def __init__(
        self, admission: Admission, granted: Callable[[], None], lane: Lane | None
    ) -> None:
        self.lane = lane
        self._admission = admission
        self._granted = granted
        self._began: float | None = None
        self._left = False

    def begin(self, now: float) -> None:
        self._began = now
        self._granted()

    def leave(self) -> None:
        """A second call does nothing."""
        if not self._left:
            self._left = True
            self._admission._leave(self, self._began)


class Slot:
    """A ticket for a task that waits."""

    def __init__(self, admission: Admission, until: float | None, lane: Lane | None) -> None:
        self._admission = admission
        self._until = until
        self._lane = lane
        self._ticket: Ticket | None = None

    async def __aenter__(self) -> None:
        granted = asyncio.Event()
        self._ticket = ticket = self._admission.enter(granted.set, self._lane)
        left_s = None if self._until is None else self._until - self._admission.clock()
        try:
            async with asyncio.timeout(left_s):
                await granted.wait()
        except BaseException as error:
            ticket.leave()
            if isinstance(error, TimeoutError):
                raise DeadlinePassed from None
            raise

    async def __aexit__(self, *_: object) -> None:
        if self._ticket is not None:
            self._ticket.leave()
