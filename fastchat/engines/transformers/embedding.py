"""Texts as vectors: a job for `Turns`, over a sentence encoder or the inside of a causal model."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastchat.core.generation import Embeddings
from fastchat.engines.transformers.encoder import Encoded, Encoder
from fastchat.engines.transformers.pooling import Pooling
from fastchat.engines.transformers.sentences import Recipe
from fastchat.engines.transformers.turns import Turns

# Texts that are cut into tokens in one step.
_TEXTS_AT_ONCE = 16

# The place of a text, and its vector and number of tokens.
Vector = tuple[int, list[float], int]


class Embedder:
    """Makes vectors in a thread of its own, so that streams and heart-beats go on."""

    def __init__(self, encoder: Encoder, recipe: Recipe, device: Any) -> None:
        self._encoder = encoder
        self._recipe = recipe
        self._pooled = Pooling(recipe, device)
        self._turns = Turns("embedding")

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        found = sorted(await self._turns.run(self._vectors(texts)))
        return Embeddings(
            vectors=[vector for _, vector, _ in found],
            prompt_tokens=sum(size for *_, size in found),
        )

    async def aclose(self) -> None:
        await self._turns.aclose()

    def _vectors(self, texts: Sequence[str]) -> Iterator[Sequence[Vector]]:
        encoded: list[Encoded] = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            encoded += [self._encoded(text) for text in texts[start : start + _TEXTS_AT_ONCE]]
            yield ()
        for places in self._encoder.batches(encoded):
            for states in self._encoder.states([encoded[place] for place in places]):
                if states is None:
                    yield ()
                    continue
                yield [
                    (place, self._pooled(rows), len(rows))
                    for place, rows in zip(places, states, strict=True)
                ]

    def _encoded(self, text: str) -> Encoded:
        text = self._recipe.prompt + text
        return self._encoder.encoded(text.lower() if self._recipe.lower_case else text)
