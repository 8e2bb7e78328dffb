"""Texts as vectors: what clients send to `/v1/embeddings`, and what they get."""

import base64
import struct
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fastchat.core.errors import InvalidRequest
from fastchat.core.generation import Embeddings

Texts = Annotated[list[str | int | list[int]], Meta(min_length=1, max_length=2048)]
Encoding = Literal["float", "base64"]


class EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`model` may be missing where the path names it."""

    input: str | Texts
    model: str | None = None
    encoding_format: Encoding | None = None
    dimensions: int | None = None
    user: str | None = None


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    object: Literal["embedding"] = "embedding"
    embedding: Sequence[float] | str
    index: int


class EmbeddingUsage(msgspec.Struct, frozen=True, kw_only=True):
    prompt_tokens: int
    total_tokens: int


class EmbeddingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage


def texts(request: EmbeddingRequest) -> list[str]:
    """Raises `InvalidRequest`: token ids mean something else in every model."""
    given = [request.input] if isinstance(request.input, str) else request.input
    found = [text for text in given if isinstance(text, str)]
    if len(found) < len(given):
        raise InvalidRequest("input: texts are needed, not token ids", param="input")
    if not all(found):
        raise InvalidRequest("input: a text is empty", param="input")
    if request.dimensions is not None:
        raise InvalidRequest("dimensions: the model decides them", param="dimensions")
    return found


def answer(model: str, found: Embeddings, encoding: Encoding | None) -> EmbeddingAnswer:
    return EmbeddingAnswer(
        data=[
            Embedding(embedding=encoded(vector, encoding), index=index)
            for index, vector in enumerate(found.vectors)
        ],
        model=model,
        usage=EmbeddingUsage(prompt_tokens=found.prompt_tokens, total_tokens=found.prompt_tokens),
    )


def encoded(vector: Sequence[float], encoding: str | None) -> Sequence[float] | str:
    """As numbers, or as base64 of little-endian float32."""
    if encoding != "base64":
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
