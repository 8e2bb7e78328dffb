"""Starts all processes of a platform, keeps them running, and stops them in order."""

import asyncio
from collections.abc import Iterable, Sequence

from fastchat.cluster.keeper import Keeper, Surroundings
from fastchat.cluster.plan import ProcessSpec, Role

# Whoever still has requests to finish needs those behind it.
STOP_ORDER: tuple[Role, ...] = ("page", "api", "worker", "controller")


class Supervisor:
    def __init__(self, specs: Iterable[ProcessSpec], around: Surroundings) -> None:
        self._keepers = {spec.name: Keeper(spec, around) for spec in specs}
        self._around = around

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises `ConfigError` when a process cannot be started in the first place; a
        worker may fail as long as there are others.

        Either way no process is left behind.
        """
        keeping = [asyncio.create_task(self._keep(keeper)) for keeper in self._keepers.values()]
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([stopping, *keeping], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if not stop.is_set():  # who is killed at once could not become ready either
                    task.result()
        finally:
            for task in (stopping, *keeping):
                task.cancel()
            await asyncio.gather(stopping, *keeping, return_exceptions=True)
            await self._stop()

    def kill(self) -> None:
        """Everything, at once: the user does not want to wait."""
        for keeper in self._keepers.values():
            keeper.kill()

    async def _keep(self, keeper: Keeper) -> None:
        needs = [self._keepers[name] for name in keeper.spec.depends_on]
        await keeper.keep(needs, self._is_hopeless)

    def _is_hopeless(self, failed: Keeper) -> bool:
        """Without a controller or an API server, or with no worker at all, nothing works."""
        if failed.spec.role != "worker":
            return True
        workers = (keeper for keeper in self._keepers.values() if keeper.spec.role == "worker")
        return all(worker.has_failed for worker in workers)

    async def _stop(self) -> None:
        deadline = self._around.clock() + self._around.patience.grace_s
        for role in STOP_ORDER:
            group = [keeper for keeper in self._keepers.values() if keeper.spec.role == role]
            await self._stop_together(group, deadline)

    async def _stop_together(self, group: Sequence[Keeper], deadline: float) -> None:
        left_s = max(0.0, deadline - self._around.clock())
        nap = asyncio.ensure_future(self._around.sleep(left_s))
        ending = asyncio.ensure_future(_end(group))
        await asyncio.wait([nap, ending], return_when=asyncio.FIRST_COMPLETED)
        nap.cancel()
        for keeper in group:
            keeper.kill()
        await ending


async def _end(group: Iterable[Keeper]) -> None:
    await asyncio.gather(*(keeper.end() for keeper in group))
