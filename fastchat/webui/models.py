"""The models of the page: those of the controller's table, and those of providers."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from fastchat.core.generation import Chunk, Engine, Feature, GenerationRequest
from fastchat.core.tracing import Tracing
from fastchat.providers.opening import RemoteModel
from fastchat.webui.traced import traced


@dataclass(frozen=True, slots=True)
class PageEngine:
    """A name that a worker serves is the worker's. `open` makes an engine of a provider's model,
    once: it needs the page's client, which is there when the server runs."""

    workers: Engine
    remote: Mapping[str, RemoteModel]
    open: Callable[[RemoteModel], Engine]
    tracing: Tracing | None = None
    _opened: dict[str, Engine] = field(default_factory=dict)

    @property
    def model_names(self) -> Sequence[str]:
        shown = [name for name, one in self.remote.items() if not one.endpoint.anony_only]
        return sorted({*self.workers.model_names, *shown})

    def in_battles(self) -> Sequence[str]:
        """With the models that are shown in blind battles only."""
        return sorted({*self.workers.model_names, *self.remote})

    @property
    def features(self) -> frozenset[Feature]:
        return self.workers.features

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        generate = self._engine(request.model).generate
        asked = (
            generate(request) if self.tracing is None else traced(self.tracing, generate, request)
        )
        async with aclosing(asked) as chunks:
            async for chunk in chunks:
                yield chunk

    async def aclose(self) -> None:
        """The client that the engines share is closed by who opened it."""

    def _engine(self, model: str) -> Engine:
        remote = self.remote.get(model)
        if remote is None or model in self.workers.model_names:
            return self.workers
        if model not in self._opened:
            self._opened[model] = self.open(remote)
        return self._opened[model]
