"""Asks suspects whether they still live: a worker that was stopped takes all and says nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastchat.dispatch.table import Table

LOOK_S = 0.5
# A worker that lives answers at once, however busy its engine is.
ANSWER_S = 1.0


@dataclass(frozen=True, slots=True)
class Probing:
    """`is_alive` asks one worker; whatever it raises means no. `run` never ends by itself."""

    table: Table
    is_alive: Callable[[str], Awaitable[bool]]
    look_s: float = LOOK_S
    answer_s: float = ANSWER_S

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self.look_s)
            await asyncio.gather(*(self._ask(address) for address in self.table.suspects()))

    async def _ask(self, address: str) -> None:
        try:
            async with asyncio.timeout(self.answer_s):
                alive = await self.is_alive(address)
        except Exception:  # noqa: BLE001  # a worker can do anything but stop the probing
            alive = False
        self.table.probed(address, alive=alive)
