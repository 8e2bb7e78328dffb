"""Engines without text of their own: sentence encoders and cross-encoders."""

from collections.abc import AsyncGenerator, Sequence

from fastchat.core.errors import Unsupported
from fastchat.core.generation import (
    Chunk,
    Embeddings,
    Feature,
    GenerationRequest,
    Ranking,
)
from fastchat.engines.transformers.embedding import Embedder
from fastchat.engines.transformers.encoder import Encoder
from fastchat.engines.transformers.ranking import Ranker


class _Encodes:
    """What both kinds have. `instead` names the endpoint to ask."""

    def __init__(self, names: Sequence[str], encoder: Encoder, instead: str) -> None:
        self._names = names
        self._encoder = encoder
        self._instead = instead

    @property
    def model_names(self) -> Sequence[str]:
        return self._names

    @property
    def features(self) -> frozenset[Feature]:
        return frozenset()

    @property
    def context_length(self) -> int:
        return self._encoder.limits.longest

    def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        raise Unsupported([f"generation (ask {self._instead})"], model=request.model)


class EmbeddingEngine(_Encodes):
    def __init__(self, names: Sequence[str], encoder: Encoder, embedder: Embedder) -> None:
        super().__init__(names, encoder, "/v1/embeddings")
        self._embedder = embedder

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        return await self._embedder.embed(texts)

    async def aclose(self) -> None:
        await self._embedder.aclose()


class RankingEngine(_Encodes):
    def __init__(self, names: Sequence[str], encoder: Encoder, ranker: Ranker) -> None:
        super().__init__(names, encoder, "/v1/rerank")
        self._ranker = ranker

    async def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        return await self._ranker.rerank(query, documents)

    async def aclose(self) -> None:
        await self._ranker.aclose()
