"""Keeps a table in step with the controller, and tells the controller of every dispatch."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from fastchat.core.errors import ControllerFault
from fastchat.dispatch.asking import Askable, Census
from fastchat.dispatch.table import Table
from fastchat.protocol.cluster import Dispatched, TableUpdate

logger = logging.getLogger(__name__)

RETRY_S = 1.0
REPORT_S = 0.5
# How often a controller that pushes nothing is asked before it is tried again for the pushed table.
ASKED_IN_A_ROW = 30
NOT_FOUND = 404
# Reports are for the controller's log: when it is away for long, the oldest are let go.
MOST_UNREPORTED = 10_000
# A report holds so many of them, and names so many candidates. A call costs as much as hundreds of
# lines, but a controller that reads thousands at once does nothing else meanwhile.
MOST_LINES = 1_000
MOST_NAMES = 4_000


class Controller(Askable, Protocol):
    """What following needs of a client. Every call raises `ControllerFault`."""

    @property
    def base_url(self) -> str: ...

    def watch(self) -> AsyncGenerator[TableUpdate, None]: ...

    async def report(self, dispatches: Sequence[Dispatched]) -> None: ...


@dataclass(slots=True)
class Following:
    """`run` never ends by itself. While the controller is away the table stays as it was.

    A controller of 0.2.36 pushes nothing and takes no reports: it is asked every `ask_s` seconds.
    """

    table: Table
    ask_s: float = 2.0
    _heard_at: float = field(init=False)
    _pushed: bool = True
    _unreported: deque[Dispatched] = field(default_factory=lambda: deque(maxlen=MOST_UNREPORTED))

    def __post_init__(self) -> None:
        self._heard_at = self.table.clock()

    def age_s(self) -> float:
        """Of what the table says: since the controller was heard last, or since the start."""
        return self.table.clock() - self._heard_at

    def report(self, dispatched: Dispatched) -> None:
        if self._pushed:
            self._unreported.append(dispatched)

    async def run(self, controller: Controller) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(controller))
            group.create_task(self._report(controller))

    async def _follow(self, controller: Controller) -> None:
        complained = False
        census = Census(self.table.clock)
        while True:
            try:
                async with aclosing(controller.watch()) as updates:
                    async for update in updates:
                        complained = False
                        census = Census(self.table.clock)
                        self._apply(update)
                logger.info("the controller %s closed the table", controller.base_url)
            except ControllerFault as fault:
                if fault.status == NOT_FOUND:
                    complained = await self._ask(controller, census, complained)
                elif not complained:
                    logger.warning("%s; the table stays as it is, trying again", fault)
                    complained = True
            await asyncio.sleep(RETRY_S)

    async def _ask(self, controller: Controller, census: Census, complained: bool) -> bool:
        """Keep asking for a while; the controller may be replaced by one of ours meanwhile."""
        if not complained:
            logger.info("the controller %s pushes no table: it is asked", controller.base_url)
        self._pushed = False
        try:
            for _ in range(ASKED_IN_A_ROW):
                self._apply(await census.update(controller))
                await asyncio.sleep(self.ask_s)
        except ControllerFault as fault:
            logger.warning("%s; the table stays as it is, trying again", fault)
        self._pushed = True
        return True

    def _apply(self, update: TableUpdate) -> None:
        self._heard_at = self.table.clock()
        self.table.apply(update)

    async def _report(self, controller: Controller) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            while self._unreported:
                batch = self._batch()
                try:
                    await controller.report(batch)
                except ControllerFault as fault:
                    logger.debug("dispatches not reported: %s", fault)
                    if fault.status is None:  # it is away; one that refuses is not asked again
                        self._put_back(batch)
                        break

    def _batch(self) -> list[Dispatched]:
        batch: list[Dispatched] = []
        names = 0
        while self._unreported and len(batch) < MOST_LINES and names < MOST_NAMES:
            dispatched = self._unreported.popleft()
            names += len(dispatched.names)
            batch.append(dispatched)
        return batch

    def _put_back(self, batch: list[Dispatched]) -> None:
        """In front of those that came meanwhile, as far as there is room."""
        room = MOST_UNREPORTED - len(self._unreported)
        if room > 0:
            self._unreported.extendleft(reversed(batch[-room:]))
