"""The workers that are alive, by the controller's own clock, and everybody who follows the list."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from fastchat.controller.figures import ControllerFigures, Numbers
from fastchat.core.errors import Conflict
from fastchat.dispatch import Table
from fastchat.protocol.cluster import (
    Departure,
    Dispatched,
    HeartBeat,
    Registration,
    TableUpdate,
    WorkerEntry,
    WorkerStatus,
    clamped,
    told,
)

logger = logging.getLogger("controller")

# A worker that was lost is still spoken of for so long, so that somebody notices.
REMEMBER_LOST_S = 600.0


@dataclass(slots=True, eq=False)
class _Follower:
    """What one follower has not been told yet: addresses only, so that a slow one costs nothing."""

    changed: set[str] = field(default_factory=set)
    woken: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class WorkerPool:
    table: Table
    clock: Callable[[], float]
    expiration_s: float
    epoch: int = 0
    figures: ControllerFigures = field(default_factory=ControllerFigures)
    _beats: dict[str, float] = field(default_factory=dict)
    _lost: dict[str, tuple[WorkerEntry, float]] = field(default_factory=dict)
    _immortal: set[str] = field(default_factory=set)
    _followers: set[_Follower] = field(default_factory=set)
    _dismissed: bool = False
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()
        self.figures.show_table(
            workers=self._worker_counts,
            models=self._model_counts,
            queues=self._queue_lengths,
            caches=self._cache_usages,
            followers=lambda: len(self._followers),
        )

    def register(self, registration: Registration) -> None:
        """Take a worker in, whose status is known by now. Raises `Conflict` when a later
        incarnation holds the address."""
        address = registration.worker_name
        assert registration.worker_status is not None
        status = clamped(registration.worker_status)
        known = address in self.table
        if known and self._is_stale(address, registration.epoch):
            raise Conflict(f"a newer worker holds {address}; this one should end")
        logger.info("Register %s: %s", "an existing worker" if known else "a new worker", address)
        if not known or self.table[address].epoch != registration.epoch:
            self.figures.starts.of(address).add()
        self._store(
            WorkerEntry(
                address=address,
                model_names=status.model_names,
                speed=status.speed,
                queue_length=status.queue_length,
                capacity=told(status.capacity),
                wait_s=told(status.wait_s),
                cache_usage=told(status.cache_usage),
                epoch=registration.epoch,
                multimodal=registration.multimodal,
                dialects=registration.dialects,
                abilities=told(status.abilities),
                model_abilities=told(status.model_abilities),
                context_length=told(status.context_length),
            )
        )
        (self._immortal.discard if registration.check_heart_beat else self._immortal.add)(address)
        logger.info("Register done: %s, %s", address, status)

    def beat(self, beat: HeartBeat) -> bool:
        """Note a sign of life; false when the worker has to register."""
        address = beat.worker_name
        if address not in self.table or self.table[address].epoch != beat.epoch:
            logger.info("Receive unknown heart beat. %s", address)
            return False
        self._store(
            replace(
                self.table[address],
                queue_length=beat.queue_length,
                wait_s=told(beat.wait_s),
                cache_usage=told(beat.cache_usage),
            )
        )
        self.figures.beats.add()
        # Workers of ours beat often; those of 0.2.36 every 45 s.
        level = logging.INFO if beat.epoch is None else logging.DEBUG
        logger.log(level, "Receive heart beat. %s", address)
        return True

    def leave(self, departure: Departure) -> None:
        """A worker says goodbye; one that was replaced meanwhile is not heard."""
        address = departure.worker_name
        if address in self.table and self.table[address].epoch == departure.epoch:
            self._remove(address)
            self.figures.left.add()
            logger.info("Worker leaves: %s", address)

    def sweep(self) -> None:
        """Forget the silent."""
        horizon = self.clock() - self.expiration_s
        for address, seen in list(self._beats.items()):
            if seen < horizon and address not in self._immortal:
                self._lose(address)
        self._forget_lost()

    def without_heart_beat(self) -> list[str]:
        return sorted(self._immortal)

    def note_status(self, address: str, status: WorkerStatus) -> None:
        """What one without heart-beats said when it was asked."""
        if address not in self._immortal:
            return
        status = clamped(status)
        self._store(
            replace(
                self.table[address],
                model_names=status.model_names,
                speed=status.speed,
                queue_length=status.queue_length,
            )
        )

    def forget(self, address: str) -> None:
        """One without heart-beats did not answer."""
        if address in self._immortal:
            self._lose(address)

    def choose(self, model: str) -> str:
        """An address for callers that dispatch one request at a time, as 0.2.36's did."""
        lease = self.table.choose(model)
        self.table.count(lease.worker.address)
        self.note(lease.dispatched)
        return lease.worker.address

    def note(self, dispatched: Dispatched) -> None:
        self.figures.dispatches.add()
        logger.info("%s", dispatched)

    def lost(self) -> list[WorkerEntry]:
        """Those that fell silent lately, and did not come back."""
        return [entry for entry, _ in self._lost.values()]

    def status(self) -> WorkerStatus:
        """The pool as if it were one worker: controllers can stand below controllers."""
        entries = self.table.entries()
        return WorkerStatus(
            model_names=tuple(self.table.models()),
            speed=sum(entry.speed for entry in entries),
            queue_length=sum(entry.queue_length for entry in entries),
        )

    async def follow(self, *, idle_s: float) -> AsyncGenerator[TableUpdate, None]:
        """A snapshot, then each change; after `idle_s` without one, an empty sign of life."""
        follower = _Follower()
        self._followers.add(follower)
        try:
            yield TableUpdate(
                snapshot=True,
                epoch=self.epoch,
                age_s=self.clock() - self._began,
                dispatch_method=self.table.policy,
                put=tuple(self.table.entries()),
            )
            while not self._dismissed:
                yield await self._next_update(follower, idle_s)
        finally:
            self._followers.discard(follower)

    async def dismiss(self) -> None:
        """End all following, so that the server can drain."""
        self._dismissed = True
        for follower in self._followers:
            follower.woken.set()

    async def _next_update(self, follower: _Follower, idle_s: float) -> TableUpdate:
        try:
            async with asyncio.timeout(idle_s):
                await follower.woken.wait()
        except TimeoutError:
            return TableUpdate()
        changed = sorted(follower.changed)
        follower.changed.clear()
        follower.woken.clear()
        return TableUpdate(
            put=tuple(self.table[address] for address in changed if address in self.table),
            drop=tuple(address for address in changed if address not in self.table),
        )

    def _is_stale(self, address: str, epoch: int | None) -> bool:
        held = self.table[address].epoch
        return held is not None and epoch is not None and epoch < held

    def _lose(self, address: str) -> None:
        self._lost[address] = self.table[address], self.clock()
        self._remove(address)
        self.figures.lost.add()
        logger.info("Remove stale worker: %s", address)

    def _forget_lost(self) -> None:
        horizon = self.clock() - REMEMBER_LOST_S
        for address, (_, since) in list(self._lost.items()):
            if since < horizon:
                del self._lost[address]
                self.figures.starts.forget(address)

    def _worker_counts(self) -> Numbers:
        return {("registered",): len(self._beats), ("lost",): len(self._lost)}

    def _model_counts(self) -> Numbers:
        """Zero for a model whose last worker was lost."""
        counts: dict[tuple[str, ...], float] = {
            (name,): 0.0 for entry in self.lost() for name in entry.model_names
        }
        for entry in self.table.entries():
            for name in entry.model_names:
                counts[(name,)] = counts.get((name,), 0.0) + 1
        return counts

    def _queue_lengths(self) -> Numbers:
        return {(entry.address,): entry.queue_length for entry in self.table.entries()}

    def _cache_usages(self) -> Numbers:
        return {
            (entry.address,): entry.cache_usage
            for entry in self.table.entries()
            if entry.cache_usage is not None
        }

    def _store(self, entry: WorkerEntry) -> None:
        self.table.put(entry)
        self._lost.pop(entry.address, None)
        self._beats[entry.address] = self.clock()
        self._tell(entry.address)

    def _remove(self, address: str) -> None:
        self.table.drop(address)
        self._beats.pop(address, None)
        self._immortal.discard(address)
        self._tell(address)

    def _tell(self, address: str) -> None:
        for follower in self._followers:
            follower.changed.add(address)
            follower.woken.set()
