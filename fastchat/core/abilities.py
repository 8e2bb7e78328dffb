"""What a model can do, in the words in which clients are told."""

from collections.abc import Collection

from fastchat.core.generation import CountsTokens, Embeds, Engine, Feature, Reranks, Tokenizes


def abilities(engine: Engine, features: Collection[Feature]) -> tuple[str, ...]:
    """`features` are those of the engine and of its template together."""
    found = {
        "completions": bool(features) or isinstance(engine, CountsTokens),
        "embeddings": isinstance(engine, Embeds),
        "rerank": isinstance(engine, Reranks),
        "tokenize": isinstance(engine, Tokenizes),
    }
    return tuple(sorted({*features, *(name for name, able in found.items() if able)}))
