"""The workers of a controller that pushes nothing: found by asking it, model by model."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from fastchat.protocol.cluster import TableUpdate, WorkerEntry

# A worker that was not named for so long is gone: longer than 0.2.36 keeps a dead one.
FORGET_S = 300.0


class Askable(Protocol):
    """What a controller of 0.2.36 can be asked. Both calls raise `ControllerFault`."""

    async def models(self) -> list[str]: ...

    async def worker_address(self, model: str) -> str: ...


@dataclass(slots=True)
class Census:
    """Each question brings one address a model. A controller that chooses by chance or by load
    names all of its workers in time."""

    clock: Callable[[], float]
    _named: dict[str, dict[str, float]] = field(default_factory=dict)
    _told: dict[str, WorkerEntry] | None = None

    async def update(self, controller: Askable) -> TableUpdate:
        """What is new since the last time. The first is a snapshot."""
        models = await controller.models()
        for model in models:
            address = await controller.worker_address(model)
            if address:
                self._named.setdefault(address, {})[model] = self.clock()
        self._forget(models)
        return self._news()

    def _forget(self, models: list[str]) -> None:
        oldest = self.clock() - FORGET_S
        self._named = {
            address: kept
            for address, named in self._named.items()
            if (kept := {m: t for m, t in named.items() if m in models and t >= oldest})
        }

    def _news(self) -> TableUpdate:
        found = (_entry(address, sorted(named)) for address, named in self._named.items())
        entries = {entry.address: entry for entry in found if entry is not None}
        before, self._told = self._told, entries
        if before is None:
            return TableUpdate(snapshot=True, put=tuple(entries.values()))
        return TableUpdate(
            put=tuple(e for address, e in entries.items() if before.get(address) != e),
            drop=tuple(address for address in before if address not in entries),
        )


def _entry(address: str, models: list[str]) -> WorkerEntry | None:
    """None for what could never be a worker, whatever the controller says."""
    try:
        return msgspec.convert({"address": address, "model_names": models}, WorkerEntry)
    except msgspec.ValidationError:
        return None
