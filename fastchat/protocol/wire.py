"""What workers of 0.2.36 and their callers say to each other.

A stream is a run of JSON messages, each followed by a zero byte, each with the whole text so far.
Every field of a request but the prompt may be missing or null.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from fastchat.core.errors import PlatformError, error_of
from fastchat.protocol.openai.answers import CompletionLogprobs
from fastchat.protocol.openai.requests import Stop, TokenIds

END = b"\0"

SERVER_ERROR = "**NETWORK ERROR DUE TO HIGH TRAFFIC. PLEASE REGENERATE OR REFRESH THIS PAGE.**"


class GenerateParams(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is not said is left out: a worker of 0.2.36 chokes on a null where it expects a number,
    and loses a slot each time."""

    prompt: str
    model: str | None = None
    temperature: float | None = None
    repetition_penalty: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    max_new_tokens: int | None = None
    stop: Stop = None
    stop_token_ids: TokenIds | None = None
    echo: bool | None = None
    logprobs: int | None = None
    images: list[str] | None = None
    best_of: int | None = None
    use_beam_search: bool | None = None


class GenerateCall(msgspec.Struct, frozen=True, kw_only=True):
    """What an API server of 0.2.36 sends, key by key: a number is never null, and what was added
    later is left out unless it is wanted."""

    model: str
    prompt: str
    temperature: float
    logprobs: int | None
    top_p: float
    top_k: int
    presence_penalty: float
    frequency_penalty: float
    max_new_tokens: int
    echo: bool
    stop_token_ids: list[int] | None
    stop: list[str]
    repetition_penalty: float | UnsetType = UNSET


class WireUsage(msgspec.Struct, frozen=True, kw_only=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class StreamMessage(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    error_code: int = 0
    usage: WireUsage | None = None
    finish_reason: str | None = None
    logprobs: CompletionLogprobs | None = None


class ErrorMessage(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    error_code: int

    @classmethod
    def of(cls, error: PlatformError) -> "ErrorMessage":
        return cls(text=f"{SERVER_ERROR}\n\n({error.message})", error_code=error.code)


def told(text: str, error_code: int) -> PlatformError:
    """The error that a worker's message stands for, without the words meant for pages."""
    detail = text.removeprefix(SERVER_ERROR).strip()
    if detail.startswith("(") and detail.endswith(")"):
        detail = detail[1:-1]
    return error_of(error_code, detail or text)


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of the calls that may name a model, or have no body at all."""

    model: str | None = None


class ModelDetails(msgspec.Struct, frozen=True, kw_only=True):
    context_length: int


class CountRequest(msgspec.Struct, frozen=True, kw_only=True):
    prompt: str
    model: str | None = None


class Count(msgspec.Struct, frozen=True, kw_only=True):
    count: int
    error_code: int = 0


class EmbedParams(msgspec.Struct, frozen=True, kw_only=True):
    """`encoding_format` "base64" asks for little-endian float32; anything else for numbers."""

    input: Annotated[list[str], msgspec.Meta(max_length=2048)]
    model: str | None = None
    encoding_format: str | None = None


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    embedding: list[Sequence[float] | str]
    token_num: int


class ConvTemplate(msgspec.Struct, frozen=True, kw_only=True):
    conv: dict[str, Any]


class TokenCheck(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    prompt: str
    max_tokens: int = 0


class TokenCheckRequest(msgspec.Struct, frozen=True, kw_only=True):
    prompts: Annotated[list[TokenCheck], msgspec.Meta(max_length=128)]


class TokenCheckResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    fits: bool
    token_count: int
    context_length: int


class TokenCheckAnswer(msgspec.Struct, frozen=True, kw_only=True):
    prompts: list[TokenCheckResult]
