"""Telling the controller that this worker is here, how busy it is, and when it leaves."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from msgspec import UNSET

from fastchat.client import ControllerClient
from fastchat.core.errors import ControllerFault
from fastchat.protocol.cluster import Departure, HeartBeat, Registration, WorkerStatus

logger = logging.getLogger("model_worker")

RETRY_S = 5.0
# How soon a controller of ours hears of a changed load, and how often it hears in any case: one
# that was started again knows its workers after so long.
LOAD_S = 1.0
EXTENDED_INTERVAL_S = 5.0


class Replaced(Exception):
    """A newer worker holds this worker's address."""


@dataclass(slots=True)
class Announcer:
    """Owns what the controller knows of this worker. `run` goes on until it is cancelled."""

    controller: ControllerClient
    address: str
    worker_id: str
    epoch: int
    dialects: tuple[str, ...]
    interval_s: float
    status: Callable[[], WorkerStatus]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _extended: bool = False
    _told: float = -1.0
    _told_models: tuple[str, ...] = ()

    async def run(self) -> None:
        """Register, then beat. Raises `Replaced`; every other trouble is logged and retried."""
        await self._register()
        overdue = False
        while True:
            if not overdue:
                await self._until_due()
            overdue = False
            try:
                if self._models_changed() or not await self._beat():
                    await self._register()
            except ControllerFault as fault:
                logger.error("heart beat error: %s", fault)
                overdue = True
                await self.sleep(RETRY_S)

    async def leave(self) -> None:
        """Tell a controller of ours that no request should come any more."""
        if not self._extended:
            return
        try:
            await self.controller.leave(Departure(worker_name=self.address, epoch=self.epoch))
        except ControllerFault as fault:
            logger.warning("%s", fault)

    async def _register(self) -> None:
        while True:
            logger.info("Register to controller")
            status = self.status()
            registration = Registration(
                worker_name=self.address,
                worker_status=status,
                epoch=self.epoch,
                dialects=self.dialects,
            )
            try:
                self._extended = await self.controller.register(registration)
            except ControllerFault as fault:
                if fault.status == 409:
                    raise Replaced(str(fault)) from fault
                logger.error("%s; trying again in %g s", fault, RETRY_S)
                await self.sleep(RETRY_S)
                continue
            self._told = status.queue_length
            self._told_models = status.model_names
            logger.info("Register done: %s, %s", self.address, status)
            return

    async def _until_due(self) -> None:
        """A beat is due each interval; for a controller of ours soon after the load changed."""
        interval_s = self.interval_s
        if self._extended:
            interval_s = min(interval_s, EXTENDED_INTERVAL_S)
        waited = 0.0
        while waited < interval_s:
            step = min(LOAD_S, interval_s - waited)
            await self.sleep(step)
            waited += step
            if self._extended and self.status().queue_length != self._told:
                return
            if self._models_changed():
                return

    def _models_changed(self) -> bool:
        """A worker may serve more or fewer of them than when it registered."""
        return self.status().model_names != self._told_models

    async def _beat(self) -> bool:
        status = self.status()
        logger.log(
            logging.DEBUG if self._extended else logging.INFO,
            "Send heart beat. Models: %s. Queue: %d. worker_id: %s. ",
            list(status.model_names),
            status.queue_length,
            self.worker_id,
        )
        known = await self.controller.beat(
            HeartBeat(
                worker_name=self.address,
                queue_length=status.queue_length,
                epoch=self.epoch if self._extended else None,
                wait_s=status.wait_s if self._extended else UNSET,
                cache_usage=status.cache_usage if self._extended else UNSET,
            )
        )
        self._told = status.queue_length
        return known
