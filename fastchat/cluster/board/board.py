"""The table of one platform, kept fresh while somebody looks at it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from rich.console import Group, RenderableType
from rich.text import Text

from fastchat.cluster.board.readings import Reader, Readings
from fastchat.cluster.board.rows import rows
from fastchat.cluster.board.screen import Screen
from fastchat.cluster.board.table import draw
from fastchat.cluster.state import PlatformState

READ_EVERY_S = 1.0
DRAW_EVERY_S = 0.25


class Board:
    """`state` gives the platform as it is at that moment; `hint` stands below the table."""

    def __init__(
        self,
        state: Callable[[], PlatformState],
        *,
        now: Callable[[], float],
        token: str | None = None,
        hint: str = "",
    ) -> None:
        self._state = state
        self._now = now
        self._token = token
        self._hint = hint
        self._readings = Readings()

    def draw(self, width: int) -> RenderableType:
        table = draw(rows(self._state(), self._readings, now=self._now()), width=width)
        return Group("", table, Text(self._hint, style="dim")) if self._hint else table

    async def read(self) -> None:
        async with aiohttp.ClientSession() as session:
            self._readings = await Reader(session=session, token=self._token)(self._state())

    @asynccontextmanager
    async def shown(self, screen: Screen) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(_repeat(self.read, READ_EVERY_S)),
            asyncio.create_task(_repeat(screen.refresh, DRAW_EVERY_S)),
        ]
        try:
            with screen:
                yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(act: Callable[[], object], every_s: float) -> None:
    while True:
        done = act()
        if asyncio.iscoroutine(done):
            await done
        await asyncio.sleep(every_s)
