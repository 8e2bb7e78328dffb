"""Keeps the gateway's table in step with the controller, and tells it of every dispatch."""

import asyncio
import logging
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass, field

from fastchat.client import ControllerClient, ControllerFault
from fastchat.dispatch import Table
from fastchat.protocol.cluster import Dispatched

logger = logging.getLogger("openai_api_server")

RETRY_S = 1.0
REPORT_S = 0.5
# Reports are for the controller's log: when it is away for long, the oldest are let go.
MOST_UNREPORTED = 10_000


@dataclass(slots=True)
class Following:
    """`run` never ends by itself. While the controller is away the table stays as it was."""

    table: Table
    _unreported: deque[Dispatched] = field(default_factory=lambda: deque(maxlen=MOST_UNREPORTED))

    def report(self, dispatched: Dispatched) -> None:
        self._unreported.append(dispatched)

    async def run(self, controller: ControllerClient) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(controller))
            group.create_task(self._report(controller))

    async def _follow(self, controller: ControllerClient) -> None:
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

    async def _report(self, controller: ControllerClient) -> None:
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
