"""A service that is no more: the model is listed, and an answer says what became of it."""

from collections.abc import AsyncGenerator, Sequence

import aiohttp

from fastchat.core.errors import ServiceGone
from fastchat.core.generation import Chunk, Feature, GenerationRequest
from fastchat.providers.endpoint import Endpoint
from fastchat.providers.vendors import VENDORS


class GoneEngine:
    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @property
    def model_names(self) -> Sequence[str]:
        return (self._endpoint.name,)

    @property
    def features(self) -> frozenset[Feature]:
        """All that a request may need: what became of the service matters more."""
        return frozenset().union(*(vendor.features for vendor in VENDORS.values()))

    def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        raise ServiceGone(f"{self._endpoint.name}: {self._endpoint.vendor.gone}.")

    async def aclose(self) -> None:
        """Nothing is held."""


def create(endpoint: Endpoint, session: aiohttp.ClientSession, silence_s: float) -> GoneEngine:
    return GoneEngine(endpoint)
