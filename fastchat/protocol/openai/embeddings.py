"""Texts as vectors: what clients send to `/v1/embeddings`, and what they get."""

import asyncio
import base64
import math
import struct
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from fastchat.core.errors import InvalidRequest
from fastchat.core.generation import Embeddings
from fastchat.protocol.checks import within
from fastchat.protocol.codec import encode

Texts = Annotated[list[str | int | list[int]], Meta(min_length=1, max_length=2048)]
Encoding = Literal["float", "base64"]

# Vectors that are written without a pause for others: a thousand of them take a second.
_AT_ONCE = 16


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
    data: list[msgspec.Raw]
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
        within("dimensions", request.dimensions, 1, None)
    return found


async def written(model: str, found: Embeddings, asked: EmbeddingRequest) -> bytes:
    """The answer. Raises `OutOfRange` for more dimensions than there are."""
    if asked.dimensions is not None and found.vectors:
        within("dimensions", asked.dimensions, 1, len(found.vectors[0]))
    data = []
    for index, vector in enumerate(found.vectors):
        if index % _AT_ONCE == 0:
            await asyncio.sleep(0)
        shown = encoded(shortened(vector, asked.dimensions), asked.encoding_format)
        data.append(msgspec.Raw(encode(Embedding(embedding=shown, index=index))))
    usage = EmbeddingUsage(prompt_tokens=found.prompt_tokens, total_tokens=found.prompt_tokens)
    return encode(EmbeddingAnswer(data=data, model=model, usage=usage))


def shortened(vector: Sequence[float], dimensions: int | None) -> Sequence[float]:
    """The first of its numbers, at length 1 again: for models that were trained so (Matryoshka)."""
    if dimensions is None or dimensions == len(vector):
        return vector
    length = math.hypot(*vector[:dimensions]) or 1.0
    return [number / length for number in vector[:dimensions]]


def encoded(vector: Sequence[float], encoding: str | None) -> Sequence[float] | str:
    """As numbers, or as base64 of little-endian float32."""
    if encoding != "base64":
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
