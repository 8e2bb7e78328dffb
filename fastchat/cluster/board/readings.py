"""What the table needs beyond the supervisor's own knowledge, asked for once a second."""

import asyncio
import resource
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from fastchat.client import ControllerClient, WorkerClient, WorkerFault
from fastchat.cluster.state import PlatformState, ProcessState
from fastchat.core.errors import ControllerFault
from fastchat.protocol.cluster import WorkerEntry, WorkerLoad

# Who has not answered by then is shown without numbers.
PATIENCE_S = 0.8


@dataclass(frozen=True, kw_only=True, slots=True)
class Readings:
    """`loads` by address, `loaded` by the name of a worker that is starting."""

    loads: Mapping[str, WorkerLoad] = field(default_factory=dict)
    table: tuple[WorkerEntry, ...] = ()
    loaded: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    session: aiohttp.ClientSession
    token: str | None = field(default=None, repr=False)

    async def __call__(self, state: PlatformState) -> Readings:
        workers = [process for process in state.processes if process.role == "worker"]
        ready = [worker.address for worker in workers if worker.status.state == "ready"]
        table, loads = await asyncio.gather(
            self._table(state), asyncio.gather(*map(self._load, ready))
        )
        return Readings(
            loads={a: load for a, load in zip(ready, loads, strict=True) if load is not None},
            table=table,
            loaded={worker.name: part for worker in workers if (part := _loaded(worker))},
        )

    async def _load(self, address: str) -> WorkerLoad | None:
        with suppress(WorkerFault, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                return await WorkerClient(self.session, address, token=self.token).load()
        return None

    async def _table(self, state: PlatformState) -> tuple[WorkerEntry, ...]:
        controller = state.address("controller")
        with suppress(ControllerFault, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                return await ControllerClient(self.session, controller, token=self.token).workers()
        return ()


def _loaded(worker: ProcessState) -> float | None:
    """The part of the weights that is in memory, as far as the system tells (Linux)."""
    if worker.status.state != "starting" or not worker.weights_bytes or not worker.status.pid:
        return None
    try:
        pages = int(Path(f"/proc/{worker.status.pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return min(0.99, pages * resource.getpagesize() / worker.weights_bytes)
