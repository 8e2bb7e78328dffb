"""Room in the cache of keys and values: nobody enters who might starve the others."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastchat.core.attended import EngineLoad


class Room:
    """First come, first served. A request holds room for its prompt and for all it may say."""

    def __init__(self, tokens: int, page: int) -> None:
        self._free = self.pages = tokens // page
        self._page = page
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._holders = 0

    @property
    def tokens(self) -> int:
        return self.pages * self._page

    @property
    def held_pages(self) -> int:
        return self.pages - self._free

    @property
    def load(self) -> EngineLoad:
        return EngineLoad(
            running=self._holders,
            waiting=len(self._waiting),
            cache_usage=self.held_pages / self.pages if self.pages else 0.0,
        )

    @asynccontextmanager
    async def held(self, tokens: int) -> AsyncIterator[None]:
        """`tokens` must not be more than there are in all."""
        pages = -(-tokens // self._page)
        await self._take(pages)
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            self._free += pages
            self._admit()

    async def _take(self, pages: int) -> None:
        if not self._waiting and pages <= self._free:
            self._free -= pages
            return
        place = (pages, asyncio.get_running_loop().create_future())
        self._waiting.append(place)
        try:
            await place[1]
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            else:
                self._free += pages
            self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            pages, entered = self._waiting.popleft()
            self._free -= pages
            if not entered.done():
                entered.set_result(None)
