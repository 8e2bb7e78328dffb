"""The models of the page: those of the controller's table, and those of providers."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from fastchat.core.generation import Chunk, Engine, Feature, GenerationRequest
from fastchat.core.tracing import Tracing
from fastchat.protocol.cluster import WorkerEntry
from fastchat.providers.opening import RemoteModel
from fastchat.webui.traced import traced


@dataclass(frozen=True, kw_only=True, slots=True)
class Seeing:
    """Which of the models that are shown can be asked with a picture, and which cannot; of one that
    is away nobody knows. And how many can of those that are drawn."""

    shown: Sequence[str] = ()
    blind: Sequence[str] = ()
    drawn: int = 0


@dataclass(frozen=True, slots=True)
class PageEngine:
    """A name that a worker serves is the worker's; `rows` are those of the table. `open` makes an
    engine of a provider's model, once: it needs the page's client, which is there when the server
    runs."""

    workers: Engine
    rows: Callable[[str], Sequence[WorkerEntry]]
    remote: Mapping[str, RemoteModel]
    open: Callable[[RemoteModel], Engine]
    tracing: Tracing | None = None
    _opened: dict[str, Engine] = field(default_factory=dict)

    @property
    def model_names(self) -> Sequence[str]:
        shown = [name for name, one in self.remote.items() if not one.endpoint.anony_only]
        return sorted({*self.workers.model_names, *shown})

    def in_battles(self, *, shows: bool = False) -> Sequence[str]:
        """With the models that are shown in blind battles only; those that see, if it `shows` a
        picture."""
        all = sorted({*self.workers.model_names, *self.remote})
        return [name for name in all if self.sees(name)] if shows else all

    def sees(self, model: str) -> bool | None:
        """Whether it can be asked with a picture, whichever of its workers is asked. None: it is
        away."""
        if rows := self.rows(model):
            return all(row.sees(model) for row in rows)
        remote = self.remote.get(model)
        return None if remote is None else remote.endpoint.sees

    def seeing(self) -> Seeing:
        sees = {name: self.sees(name) for name in self.model_names}
        return Seeing(
            shown=[name for name, does in sees.items() if does],
            blind=[name for name, does in sees.items() if does is False],
            drawn=len(self.in_battles(shows=True)),
        )

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
