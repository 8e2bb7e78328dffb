"""All models of a file as one engine: what a worker hosts."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import aiohttp

from fastchat.core.abilities import Abilities
from fastchat.core.errors import UnknownModel
from fastchat.core.generation import Chunk, Engine, Feature, GenerationRequest
from fastchat.providers.opening import RemoteModel


class ProvidersEngine:
    """Opens its connections when it is asked first, and closes them itself."""

    def __init__(self, models: Sequence[RemoteModel]) -> None:
        self._models = {one.endpoint.name: one for one in models}
        self._engines: dict[str, Engine] = {}
        self._session: aiohttp.ClientSession | None = None
        # Each model refuses by name what it cannot do.
        vendors = [one.endpoint.vendor for one in models]
        self.features: frozenset[Feature] = frozenset().union(
            *(vendor.all_features for vendor in vendors)
        )

    @property
    def model_names(self) -> Sequence[str]:
        return tuple(self._models)

    def abilities_of(self, model: str) -> Abilities:
        return self._models[model].endpoint.vendor.abilities

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        async with aclosing(self._engine(request.model).generate(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _engine(self, model: str) -> Engine:
        if model not in self._models:
            raise UnknownModel(model, self.model_names)
        if self._session is None:
            # Admission bounds what is asked at once; a pool that does so too would be another queue
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        if model not in self._engines:
            self._engines[model] = self._models[model].open(self._session)
        return self._engines[model]
