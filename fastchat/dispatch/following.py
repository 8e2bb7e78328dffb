"""Keeps a table in step with the controller, and tells the controller of every dispatch."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from fastchat.core.errors import ControllerFault
from fastchat.dispatch.table import Table
from fastchat.protocol.cluster import Dispatched, TableUpdate

logger = logging.getLogger(__name__)

RETRY_S = 1.0
REPORT_S = 0.5
# Reports are for the controller's log: when it is away for long, the oldest are let go.
MOST_UNREPORTED = 10_000


class Controller(Protocol):
    """What following needs of a client. Both calls raise `ControllerFault`."""

    @property
    def base_url(self) -> str: ...

    def watch(self) -> AsyncGenerator[TableUpdate, None]: ...

    async def report(self, dispatches: Sequence[Dispatched]) -> None: ...


@dataclass(slots=True)
class Following:
    """`run` never ends by itself. While the controller is away the table stays as it was."""

    table: Table
    _unreported: deque[Dispatched] = field(default_factory=lambda: deque(maxlen=MOST_UNREPORTED))

    def report(self, dispatched: Dispatched) -> None:
        self._unreported.append(dispatched)

    async def run(self, controller: Controller) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(controller))
            group.create_task(self._report(controller))

    async def _follow(self, controller: Controller) -> None:
        complained = False
        while True:
            try:
                async with aclosing(controller.watch()) as updates:
                    async for update in updates:
                        complained = False
                        self.table.apply(update)
                logger.info("the controller %s closed the table", controller.base_url)
            except ControllerFault as fault:
                if not complained:
                    logger.warning("%s; the table stays as it is, trying again", fault)
                complained = True
            await asyncio.sleep(RETRY_S)

    async def _report(self, controller: Controller) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            while self._unreported:
                batch = list(self._unreported)[:200]
                try:
                    await controller.report(batch)
                except ControllerFault as fault:
                    logger.debug("dispatches not reported: %s", fault)
                    if fault.status is None:
                        break  # it is away; one that refuses is not asked again
                for _ in batch:
                    self._unreported.popleft()
