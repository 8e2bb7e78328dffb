"""What a model can do, in the words in which clients are told."""

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

from fastchat.core.generation import (
    Adapts,
    CountsTokens,
    Embeds,
    Engine,
    Feature,
    Reranks,
    Tokenizes,
)

Abilities = tuple[str, ...]


@runtime_checkable
class TellsByModel(Protocol):
    """An engine whose models differ in what they can do."""

    def abilities_of(self, model: str) -> Abilities: ...


def abilities(engine: Engine, features: Collection[Feature], model: str) -> Abilities:
    """`features` are those of the engine and of its template together. An adapter changes what a
    model says, and no vectors."""
    if isinstance(engine, TellsByModel):
        return engine.abilities_of(model)
    is_adapter = isinstance(engine, Adapts) and model in engine.adapters
    found = {
        "completions": bool(features) or isinstance(engine, CountsTokens),
        "embeddings": isinstance(engine, Embeds) and not is_adapter,
        "rerank": isinstance(engine, Reranks),
        "tokenize": isinstance(engine, Tokenizes),
    }
    return tuple(sorted({*features, *(name for name, able in found.items() if able)}))


def in_common(told: Mapping[str, Abilities]) -> Abilities:
    """What all of these models can."""
    first, *others = map(set, told.values())
    return tuple(sorted(first.intersection(*others)))
