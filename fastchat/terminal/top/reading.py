"""What the servers of a platform say at one moment."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp

from fastchat.client import ControllerClient, WorkerClient, WorkerFault
from fastchat.client.http import NETWORK_ERRORS, bearer, bounded
from fastchat.core.errors import ControllerFault
from fastchat.protocol.cluster import WorkerEntry, WorkerLoad
from fastchat.terminal.top.samples import Samples

# Who has not answered by then is shown without numbers.
PATIENCE_S = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """`table` is None when the controller, `samples` when the API server did not tell; `faults`
    says why. `loads` has the workers that answered."""

    at: float
    table: tuple[WorkerEntry, ...] | None = None
    loads: Mapping[str, WorkerLoad] = field(default_factory=dict)
    samples: Samples | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    session: aiohttp.ClientSession
    controller: str
    api: str
    clock: Callable[[], float]
    token: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)

    async def __call__(self) -> Reading:
        faults: list[str] = []
        (table, loads), samples = await asyncio.gather(self._workers(faults), self._api(faults))
        return Reading(
            at=self.clock(), table=table, loads=loads, samples=samples, faults=tuple(faults)
        )

    async def _workers(
        self, faults: list[str]
    ) -> tuple[tuple[WorkerEntry, ...] | None, Mapping[str, WorkerLoad]]:
        controller = ControllerClient(self.session, self.controller, token=self.token)
        try:
            async with asyncio.timeout(PATIENCE_S):
                table = await controller.workers()
        except ControllerFault as fault:
            faults.append(f"{fault}{_of_controller(fault.status)}")
            return None, {}
        except TimeoutError:
            faults.append(f"the controller {self.controller} is silent")
            return None, {}
        ours = [entry.address for entry in table if entry.dialects]
        loads = await asyncio.gather(*map(self._load, ours))
        return table, {a: load for a, load in zip(ours, loads, strict=True) if load is not None}

    async def _load(self, address: str) -> WorkerLoad | None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await WorkerClient(self.session, address, token=self.token).load()
        except (WorkerFault, TimeoutError):
            return None

    async def _api(self, faults: list[str]) -> Samples | None:
        headers = bearer(self.token or self.key)
        try:
            async with (
                asyncio.timeout(PATIENCE_S),
                self.session.get(
                    f"{self.api}/metrics", headers=headers, allow_redirects=False
                ) as answer,
            ):
                text = (await bounded(answer)).decode()
                if answer.status == 200:
                    return Samples.of(text)
                said = f"answers {answer.status}{_of_api(answer.status)}"
        except NETWORK_ERRORS as error:
            said = f"cannot be read: {str(error) or 'it is silent'}"
        faults.append(f"the figures of the API server {self.api}: it {said}")
        return None


def _of_controller(status: int | None) -> str:
    """What helps."""
    if status in (401, 403):
        return ": set FASTCHAT_CLUSTER_TOKEN to the token of the platform"
    return "" if status is not None else ": --controller names another"


def _of_api(status: int) -> str:
    if status in (401, 403):
        return ": set FASTCHAT_API_KEY, or FASTCHAT_CLUSTER_TOKEN"
    return ": --api names another" if status == 404 else ""
