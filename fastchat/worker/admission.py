"""Who may run, who waits, and who is told to come back later."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastchat.core.errors import DeadlinePassed, Overloaded

# Weight of the newest request in the running mean of service times.
NEWEST = 0.2


@dataclass(slots=True)
class Admission:
    """`slots` requests run at once, `queue_limit` more wait; the rest is refused at once."""

    slots: int
    queue_limit: int
    clock: Callable[[], float]
    running: int = 0
    waiting: int = 0
    _service_s: float = 1.0
    _queue: deque["Ticket"] = field(default_factory=deque)

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

    def enter(self, granted: Callable[[], None]) -> "Ticket":
        """A place, in a slot or in the queue; `granted` is called when it is a slot, now or later.
        Raises `Overloaded` when the queue is full."""
        is_full = self.running >= self.slots or self.waiting > 0
        if is_full and self.waiting >= self.queue_limit:
            raise Overloaded(
                f"The worker runs {self.running} requests and {self.waiting} wait "
                "(--limit-worker-concurrency). Retry later, or start another worker.",
                retry_after_s=self.retry_after_s(),
            )
        ticket = Ticket(self, granted)
        if is_full:
            self.waiting += 1
            self._queue.append(ticket)
        else:
            self._begin(ticket)
        return ticket

    @asynccontextmanager
    async def slot(self, *, until: float | None = None) -> AsyncIterator[None]:
        """Hold a slot while the body runs. Raises `Overloaded` when the queue is full, and
        `DeadlinePassed` when none was free until then, by the clock."""
        granted = asyncio.Event()
        ticket = self.enter(granted.set)
        try:
            try:
                async with asyncio.timeout(None if until is None else until - self.clock()):
                    await granted.wait()
            except TimeoutError:
                raise DeadlinePassed from None
            yield
        finally:
            ticket.leave()

    def retry_after_s(self) -> int:
        """Whole seconds until a slot should be free for one who comes now."""
        return max(1, math.ceil(self._wait_s(self.waiting)))

    def _begin(self, ticket: "Ticket") -> None:
        self.running += 1
        ticket.begin(self.clock())

    def _leave(self, ticket: "Ticket", began: float | None) -> None:
        if began is None:
            self.waiting -= 1
            self._queue.remove(ticket)
            return
        self.running -= 1
        self._service_s += NEWEST * (self.clock() - began - self._service_s)
        if self._queue and self.running < self.slots:
            self.waiting -= 1
            self._begin(self._queue.popleft())

    def _wait_s(self, waiting: int) -> float:
        return (waiting + 1) * self._service_s / self.slots


class Ticket:
    """One request's place, until it leaves."""

    __slots__ = ("_admission", "_began", "_granted", "_left")

    def __init__(self, admission: Admission, granted: Callable[[], None]) -> None:
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
