"""What is sent to a server of the OpenAI dialect, and what is read of its answers.

Of an answer only what is used has a type: servers add fields, and leave some out.
"""

from collections.abc import Mapping

import msgspec

from fastchat.core.generation import (
    Chat,
    Chunk,
    FinishReason,
    GenerationRequest,
    TokenLogprob,
    Usage,
)
from fastchat.protocol.openai.requests import Continued
from fastchat.protocol.openai.usage import AnswerUsage

# The dialect's plain completions end after 16 tokens unless told otherwise; servers cut this to
# what their context holds.
NO_LIMIT = 1_000_000


class Delta(msgspec.Struct, frozen=True):
    content: str | None = None


class Alternative(msgspec.Struct, frozen=True):
    token: str
    logprob: float
    bytes: list[int] | None = None


class ContentLogprob(Alternative, frozen=True):
    top_logprobs: list[Alternative] | None = None


class Logprobs(msgspec.Struct, frozen=True):
    """A chat's have `content`, a plain completion's the three lists."""

    content: list[ContentLogprob] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None


class Choice(msgspec.Struct, frozen=True):
    """A chat's has a `delta`, a plain completion's a `text`."""

    delta: Delta | None = None
    text: str | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class ErrorFields(msgspec.Struct, frozen=True):
    """`code` is a number with us, a word with others."""

    message: str | None = None
    param: str | None = None
    code: int | str | None = None


class Event(msgspec.Struct, frozen=True):
    choices: list[Choice] | None = None
    usage: AnswerUsage | None = None
    error: ErrorFields | str | None = None


class ErrorAnswer(msgspec.Struct, frozen=True):
    """`message` and `code` stand outside with servers of 0.2.36."""

    error: ErrorFields | str | None = None
    message: str | None = None
    code: int | str | None = None


class ModelId(msgspec.Struct, frozen=True):
    id: str


class ModelIds(msgspec.Struct, frozen=True):
    data: list[ModelId]


def body_of(request: GenerationRequest) -> dict[str, object]:
    """The request's JSON. What changes nothing is left out: not every server knows every field."""
    sampling = request.sampling
    chat = isinstance(request.prompt, Chat)
    body: dict[str, object] = {
        "model": request.model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": request.max_tokens or (None if chat else NO_LIMIT),
        "stop": list(request.stop) or None,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p or None,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "repetition_penalty": None
        if sampling.repetition_penalty == 1
        else sampling.repetition_penalty,
        "seed": sampling.seed,
        "logit_bias": {str(token): bias for token, bias in sampling.logit_bias.items()} or None,
        "response_format": _response_format(request.json_schema),
        "continued": None
        if request.resumed is None
        else Continued(text=request.resumed, created=0),
    }
    body |= _prompt(request) | _logprobs_wanted(request)
    return {name: value for name, value in body.items() if value is not None}


def chunk_of(choice: Choice, usage: Usage) -> Chunk:
    text = choice.text if choice.delta is None else choice.delta.content
    logprobs = () if choice.logprobs is None else tuple(_logprobs(choice.logprobs))
    return Chunk(text=text or "", usage=usage, logprobs=logprobs)


def finish_of(choice: Choice) -> FinishReason | None:
    if choice.finish_reason is None:
        return None
    return "length" if choice.finish_reason == "length" else "stop"


def usage_of(said: AnswerUsage | None, *, before: Usage) -> Usage:
    return before if said is None else said.counted()


def _prompt(request: GenerationRequest) -> dict[str, object]:
    open_turn = request.continue_from.removesuffix(request.resumed or "")
    match request.prompt:
        case Chat(messages):
            said = [{"role": message.role, "content": message.content} for message in messages]
            if not open_turn:
                return {"messages": said}
            said.append({"role": "assistant", "content": open_turn})
            return {"messages": said, "continue_final_message": True}
        case prompt:
            return {"prompt": prompt + open_turn if isinstance(prompt, str) else prompt}


def _logprobs_wanted(request: GenerationRequest) -> dict[str, object]:
    if request.logprobs is None:
        return {}
    if isinstance(request.prompt, Chat):
        return {"logprobs": True, "top_logprobs": request.logprobs}
    return {"logprobs": request.logprobs}


def _response_format(schema: Mapping[str, object] | None) -> dict[str, object] | None:
    if schema is None:
        return None
    if not schema:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def _logprobs(said: Logprobs) -> list[TokenLogprob]:
    if said.content is not None:
        return [
            TokenLogprob(
                token=one.token,
                raw=_raw(one),
                logprob=one.logprob,
                top=tuple(
                    TokenLogprob(token=top.token, raw=_raw(top), logprob=top.logprob)
                    for top in one.top_logprobs or ()
                ),
            )
            for one in said.content
        ]
    tokens = said.tokens or []
    chosen = said.token_logprobs or []
    tops = said.top_logprobs or [None] * len(tokens)
    return [
        TokenLogprob(
            token=token,
            raw=token.encode(),
            logprob=logprob or 0.0,
            top=tuple(
                TokenLogprob(token=name, raw=name.encode(), logprob=value)
                for name, value in (top or {}).items()
            ),
        )
        for token, logprob, top in zip(tokens, chosen, tops, strict=False)
    ]


def _raw(one: Alternative) -> bytes:
    try:
        return one.token.encode() if one.bytes is None else bytes(one.bytes)
    except ValueError:  # a number that is no byte
        return one.token.encode()
