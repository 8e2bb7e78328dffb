"""The engine behind the page: every worker in the controller's table, one after another."""

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from fastchat.core.errors import EngineFailed, NoWorker, Overloaded
from fastchat.core.generation import Chunk, Engine, Feature, GenerationRequest
from fastchat.dispatch import Lease, Table
from fastchat.protocol.cluster import Dispatched, WorkerEntry

logger = logging.getLogger("gradio_web_server")

# A request that killed its worker may kill the next: it gets one more, not all.
MOST_LOST = 1


@dataclass(frozen=True, slots=True)
class DispatchedEngine:
    """Before the first text a worker that fails is replaced by another; after it the error is the
    user's to see. `report` hears of every dispatch."""

    table: Table
    report: Callable[[Dispatched], None]
    engine_of: Callable[[WorkerEntry], Engine]

    @property
    def model_names(self) -> Sequence[str]:
        return self.table.models()

    @property
    def features(self) -> frozenset[Feature]:
        return frozenset(["chat"])

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        tried: list[str] = []
        lost = 0
        while True:
            lease = self._lease(request.model, tried)
            began = False
            with self.table.hold(lease):
                try:
                    async with aclosing(self._chunks(lease, request)) as chunks:
                        async for chunk in chunks:
                            began = began or bool(chunk.text)
                            yield chunk
                    return
                except (NoWorker, Overloaded, EngineFailed) as error:
                    logger.warning(
                        "request %s: worker %s: %s", request.id, lease.worker.address, error
                    )
                    lost += isinstance(error, EngineFailed)
                    if began or lost > MOST_LOST or not self._has_other(request.model, tried):
                        raise

    async def aclose(self) -> None:
        """Nothing is held."""

    def _lease(self, model: str, tried: list[str]) -> Lease:
        lease = self.table.choose(model, excluding=tried)
        tried.append(lease.worker.address)
        self.report(lease.dispatched)
        return lease

    def _chunks(self, lease: Lease, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        return self.engine_of(lease.worker).generate(request)

    def _has_other(self, model: str, tried: list[str]) -> bool:
        return self.table.serves(model, excluding=tried)
