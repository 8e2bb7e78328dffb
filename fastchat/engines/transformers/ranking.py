"""Documents scored against a query by a cross-encoder: a job for `Turns`."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fastchat.core.errors import ConfigError
from fastchat.core.generation import Ranking
from fastchat.engines.transformers.encoder import Encoded, Encoder
from fastchat.engines.transformers.turns import Turns

_PAIRS_AT_ONCE = 16

# The place of a document, and its score and number of tokens.
Score = tuple[int, float, int]


class Ranker:
    def __init__(self, encoder: Encoder, scored: Callable[[Any], Any]) -> None:
        self._encoder = encoder
        self._scored = scored
        self._turns = Turns("rerank")

    async def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        found = sorted(await self._turns.run(self._scores(query, documents)))
        return Ranking(
            scores=[score for _, score, _ in found], prompt_tokens=sum(size for *_, size in found)
        )

    async def aclose(self) -> None:
        await self._turns.aclose()

    def _scores(self, query: str, documents: Sequence[str]) -> Iterator[Sequence[Score]]:
        pairs: list[Encoded] = []
        for start in range(0, len(documents), _PAIRS_AT_ONCE):
            some = documents[start : start + _PAIRS_AT_ONCE]
            pairs += [self._encoder.encoded(query, document) for document in some]
            yield ()
        for places in self._encoder.batches(pairs):
            logits = self._encoder.output([pairs[place] for place in places]).logits
            scores = self._scored(logits[:, 0].float()).tolist()
            sizes = [len(pairs[place]["input_ids"]) for place in places]
            yield list(zip(places, scores, sizes, strict=True))


def activation(config: Any) -> Callable[[Any], Any]:
    """What makes a score of a logit: what the checkpoint names, else the sigmoid, whose scores are
    between 0 and 1. Raises `ConfigError`."""
    import torch

    described = getattr(config, "sentence_transformers", None) or {}
    named = described.get("activation_fn") or getattr(
        config, "sbert_ce_default_activation_function", None
    )
    kind = str(named or "Sigmoid").rpartition(".")[2]
    if kind == "Sigmoid":
        return lambda logits: torch.sigmoid(logits)
    if kind == "Identity":
        return lambda logits: logits
    raise ConfigError(f"the cross-encoder's activation {named} is not known here")
