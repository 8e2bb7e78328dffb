"""From a native thread to the event loop."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

# Has the loop call something soon, from any thread.
Soon = Callable[[Callable[[], None]], object]


class Doorbell:
    """Wakes a loop once for many calls: what a step of a batch has for everybody is one ring."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._calls: deque[Callable[[], None]] = deque()
        self._ringing = False

    def soon(self, call: Callable[[], None]) -> None:
        self._calls.append(call)
        if not self._ringing:
            self._ringing = True
            self.loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        # First this, then the calls: one that comes in between is made, or rings again.
        self._ringing = False
        while self._calls:
            self._calls.popleft()()


class Mailbox(Generic[T]):
    """`put` never waits, so whoever reads slowly holds nobody up; many items cost one wake-up.

    It is bounded by what is put: an answer is never longer than the context of its slot.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, soon: Soon | None = None) -> None:
        self.closed = False
        self._soon = soon or loop.call_soon_threadsafe
        self._items: deque[T] = deque()
        self._failure: Exception | None = None
        self._filled = asyncio.Event()
        self._waking = False

    def put(self, item: T) -> None:
        """From any thread."""
        self._items.append(item)
        self._wake_soon()

    def fail(self, failure: Exception) -> None:
        """From any thread: the reader gets this after the items before it."""
        self._failure = failure
        self._wake_soon()

    async def take(self) -> list[T]:
        """Everything that has come; at least one item."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            items = [self._items.popleft() for _ in range(len(self._items))]
            if self._failure is not None:
                self._filled.set()
            if items:
                return items
            if self._failure is not None:
                raise self._failure

    def close(self) -> None:
        """Tell the thread, which looks at `closed`, that nobody reads any more."""
        self.closed = True

    def _wake_soon(self) -> None:
        if not self._waking:
            self._waking = True
            self._soon(self._wake)

    def _wake(self) -> None:
        # First this, then the reader takes: an item put in between is taken, or wakes again.
        self._waking = False
        self._filled.set()
