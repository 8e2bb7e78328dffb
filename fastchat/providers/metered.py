"""An engine of a provider within its quota. What it cannot do is refused before it is asked."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from fastchat.core.errors import Overloaded, Unsupported
from fastchat.core.generation import (
    Chunk,
    Engine,
    Feature,
    GenerationRequest,
    Usage,
    required_features,
)
from fastchat.providers.endpoint import Endpoint
from fastchat.providers.engine import Checks
from fastchat.providers.quota import Quota


class MeteredEngine:
    def __init__(self, engine: Engine, endpoint: Endpoint, quota: Quota) -> None:
        self._engine = engine
        self._endpoint = endpoint
        self._quota = quota

    @property
    def model_names(self) -> Sequence[str]:
        return self._engine.model_names

    @property
    def features(self) -> frozenset[Feature]:
        return self._engine.features

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        missing = required_features(request) - self.features
        if missing:
            raise Unsupported(missing, model=self._endpoint.name)
        if isinstance(self._engine, Checks):
            self._engine.check(request)
        self._quota.admit(self._endpoint)
        usage: Usage | None = Usage()
        try:
            async with aclosing(self._engine.generate(request)) as chunks:
                async for chunk in chunks:
                    usage = chunk.usage
                    if chunk.finish_reason is not None:  # some readers never come back after it
                        self._quota.spend(usage)
                        usage = None
                    yield chunk
        except Overloaded as error:
            self._quota.hold(error.retry_after_s or 0)
            raise
        finally:
            if usage is not None:
                self._quota.spend(usage)

    async def aclose(self) -> None:
        await self._engine.aclose()
