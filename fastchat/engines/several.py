"""Several engines as one: each request goes to the one that has its model."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

from fastchat.core.abilities import Abilities, abilities
from fastchat.core.attended import Attended, EngineLoad
from fastchat.core.errors import EngineLost, PlatformError, UnknownModel
from fastchat.core.generation import Chunk, ContextBound, Engine, Feature, GenerationRequest
from fastchat.core.lanes import HasLanes, Lane
from fastchat.core.upstream import Destination, Dialect, Relayable
from fastchat.model.context import UNKNOWN_CONTEXT


class Several:
    """Counts no tokens: whose would they be? An engine refuses by itself what it cannot do."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._engines = tuple(engines)
        self._by_name: Mapping[str, Engine] = {
            name: engine for engine in engines for name in engine.model_names
        }

    @property
    def model_names(self) -> Sequence[str]:
        return tuple(self._by_name)

    @property
    def features(self) -> frozenset[Feature]:
        return frozenset[Feature]().union(*(engine.features for engine in self._engines))

    def abilities_of(self, model: str) -> Abilities:
        engine = self._of(model)
        return abilities(engine, engine.features, model)

    @property
    def context_length(self) -> int:
        bound = [one.context_length for one in self._engines if isinstance(one, ContextBound)]
        return min(bound, default=UNKNOWN_CONTEXT)

    def lane(self, request: GenerationRequest) -> Lane | None:
        engine = self._of(request.model)
        return engine.lane(request) if isinstance(engine, HasLanes) else None

    def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        return self._of(request.model).generate(request)

    async def aclose(self) -> None:
        for engine in self._engines:
            await engine.aclose()

    def _of(self, model: str) -> Engine:
        if model not in self._by_name:
            raise UnknownModel(model, self.model_names)
        return self._by_name[model]


class SeveralServed(Several):
    """Of servers: ready when one of them is."""

    @property
    def trouble(self) -> str:
        troubles = [engine.trouble for engine in self._attended]
        return "" if "" in troubles else "; ".join(troubles)

    @property
    def load(self) -> EngineLoad:
        loads = [engine.load for engine in self._attended]
        caches = [load.cache_usage for load in loads if load.cache_usage is not None]
        return EngineLoad(
            running=sum(load.running for load in loads),
            waiting=sum(load.waiting for load in loads),
            cache_usage=max(caches, default=None),
        )

    async def attend(self, tell: Callable[[bool], None]) -> None:
        ready: dict[int, bool] = {}

        def heard(number: int) -> Callable[[bool], None]:
            def tell_of_all(one: bool) -> None:
                before = any(ready.values())
                ready[number] = one
                if any(ready.values()) != before:
                    tell(not before)

            return tell_of_all

        async with asyncio.TaskGroup() as group:
            for number, engine in enumerate(self._attended):
                group.create_task(engine.attend(heard(number)))

    @property
    def relayed_paths(self) -> frozenset[str]:
        paths = [one.relayed_paths for one in self._engines if isinstance(one, Relayable)]
        return frozenset[str]().union(*paths)

    def destination(self, dialect: Dialect, model: str) -> Destination | None:
        engine = self._of(model)
        return engine.destination(dialect, model) if isinstance(engine, Relayable) else None

    async def lost(self, model: str) -> PlatformError:
        engine = self._of(model)
        if isinstance(engine, Relayable):
            return await engine.lost(model)
        return EngineLost("The engine broke off its answer.")

    @property
    def _attended(self) -> Sequence[Attended]:
        return [engine for engine in self._engines if isinstance(engine, Attended)]
