"""All workers of the table as one engine: whoever serves the model is asked, one after another."""

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from fastchat.core.errors import EngineFailed, NoWorker, Overloaded, PlatformError, WorkerTimeout
from fastchat.core.generation import Chunk, Engine, Feature, GenerationRequest
from fastchat.dispatch.row import Outcome
from fastchat.dispatch.table import Lease, Table
from fastchat.protocol.cluster import Dispatched, WorkerEntry

logger = logging.getLogger(__name__)

# A request that killed its worker may kill the next: it gets one more, not all.
MOST_LOST = 1
# An answer that has begun moves on so many times.
MOST_MIGRATIONS = 3


@dataclass(frozen=True, slots=True)
class DispatchedEngine:
    """A worker that fails is replaced by another. An answer that has begun goes on there if it can;
    else the error is the user's to see. `report` hears of every dispatch."""

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
        course = _Course(request)
        while True:
            lease = self._lease(course)
            with self.table.hold(lease, retry=len(course.leases) > 1):
                try:
                    async with aclosing(self._chunks(lease, course)) as chunks:
                        async for chunk in chunks:
                            course.said += chunk.text
                            yield chunk
                    self.table.report(lease, "ok")
                    return
                except (NoWorker, Overloaded, EngineFailed, WorkerTimeout) as error:
                    self.table.report(lease, _outcome(error))
                    logger.warning(
                        "request %s: worker %s: %s", request.id, lease.worker.address, error
                    )
                    if not self._may_go_on(course, error):
                        raise

    async def aclose(self) -> None:
        """Nothing is held."""

    def _lease(self, course: "_Course") -> Lease:
        lease = self.table.choose(course.model, excluding=self._unfit(course))
        course.leases.append(lease)
        self.report(lease.dispatched)
        return lease

    def _chunks(self, lease: Lease, course: "_Course") -> AsyncGenerator[Chunk, None]:
        engine = self.engine_of(lease.worker)
        return engine.generate(replace(course.rest, model=lease.model))

    def _may_go_on(self, course: "_Course", error: PlatformError) -> bool:
        if course.said:
            enough = len(course.leases) > MOST_MIGRATIONS or not course.can_be_taken_up
        else:
            course.lost += isinstance(error, EngineFailed)
            enough = course.lost > MOST_LOST or isinstance(error, WorkerTimeout)
        if enough or not self.table.may_retry():
            return False
        return self.table.serves(course.model, excluding=self._unfit(course))

    def _unfit(self, course: "_Course") -> set[str]:
        tried = {lease.worker.address for lease in course.leases}
        if not course.said:
            return tried
        return tried | {entry.address for entry in self.table.entries() if not entry.resumes}


@dataclass(slots=True)
class _Course:
    """One request on its way from worker to worker, and what was said of its answer."""

    request: GenerationRequest
    leases: list[Lease] = field(default_factory=list)
    said: str = ""
    lost: int = 0

    @property
    def model(self) -> str:
        """An answer that has begun is not ended by another model."""
        return self.leases[-1].model if self.said else self.request.model

    @property
    def can_be_taken_up(self) -> bool:
        return self.request.constraint is None and self.request.logprobs is None

    @property
    def rest(self) -> GenerationRequest:
        if not self.said:
            return self.request
        before = self.request.continue_from
        return replace(self.request, continue_from=before + self.said, resumed=self.said)


def _outcome(error: PlatformError) -> Outcome:
    if isinstance(error, NoWorker):
        return "unreachable"
    if isinstance(error, Overloaded):
        return "full"
    return "silent" if isinstance(error, WorkerTimeout) else "failed"
