"""Who may run, who waits, and who is told to come back later."""

import asyncio
import math
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
    _semaphore: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._semaphore = asyncio.Semaphore(self.slots)

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

    @asynccontextmanager
    async def slot(self, *, until: float | None = None) -> AsyncIterator[None]:
        """Hold a slot while the body runs. Raises `Overloaded` when the queue is full, and
        `DeadlinePassed` when none was free until then, by the clock."""
        if self.waiting >= self.queue_limit and self._semaphore.locked():
            raise Overloaded(
                f"The worker runs {self.running} requests and {self.waiting} wait "
                "(--limit-worker-concurrency). Retry later, or start another worker.",
                retry_after_s=self.retry_after_s(),
            )
        self.waiting += 1
        try:
            async with asyncio.timeout(None if until is None else until - self.clock()):
                await self._semaphore.acquire()
        except TimeoutError:
            raise DeadlinePassed from None
        finally:
            self.waiting -= 1
        self.running += 1
        began = self.clock()
        try:
            yield
        finally:
            self.running -= 1
            self._semaphore.release()
            self._service_s += NEWEST * (self.clock() - began - self._service_s)

    def retry_after_s(self) -> int:
        """Whole seconds until a slot should be free for one who comes now."""
        return max(1, math.ceil(self._wait_s(self.waiting)))

    def _wait_s(self, waiting: int) -> float:
        return (waiting + 1) * self._service_s / self.slots
