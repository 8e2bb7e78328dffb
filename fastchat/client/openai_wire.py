"""What is sent to a server of the OpenAI dialect, and what is read of its answers.

Of an answer only what is used has a type: servers add fields, and leave some out.
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from fastchat.core.chat import Chat, Message
from fastchat.core.constraints import Constraint, Grammar, JsonSchema, OneOf, Regex
from fastchat.core.generation import (
    Chunk,
    FinishReason,
    GenerationRequest,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from fastchat.protocol.openai.fields import chat_fields
from fastchat.protocol.openai.requests import Continued
from fastchat.protocol.openai.told_usage import AnswerUsage

# The dialect's plain completions end after 16 tokens unless told otherwise; servers cut this to
# what their context holds.
NO_LIMIT = 1_000_000

# What servers say beside stop, for which any other word stands.
_REASONS: Mapping[str, FinishReason] = {
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class FunctionSaid(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class CallSaid(msgspec.Struct, frozen=True):
    """Some servers number their calls, some send each whole and leave the number out."""

    index: int | None = None
    id: str | None = None
    function: FunctionSaid | None = None


class Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[CallSaid] | None = None


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
        "suffix": request.suffix,
        "continued": None
        if request.resumed is None
        else Continued(text=request.resumed, created=0),
    }
    body |= _prompt(request) | _logprobs_wanted(request) | _constraint(request.constraint)
    return {name: value for name, value in body.items() if value is not None}


def chunk_of(choice: Choice, usage: Usage) -> Chunk:
    delta = choice.delta or Delta(content=choice.text)
    logprobs = () if choice.logprobs is None else tuple(_logprobs(choice.logprobs))
    return Chunk(
        text=delta.content or "",
        reasoning=delta.reasoning_content or delta.reasoning or "",
        tool_calls=tuple(_call(said, i) for i, said in enumerate(delta.tool_calls or ())),
        usage=usage,
        logprobs=logprobs,
    )


def _call(said: CallSaid, position: int) -> ToolCallDelta:
    function = said.function or FunctionSaid()
    return ToolCallDelta(
        index=position if said.index is None else said.index,
        id=said.id or "",
        name=function.name or "",
        arguments=function.arguments or "",
    )


def finish_of(choice: Choice) -> FinishReason | None:
    if choice.finish_reason is None:
        return None
    return _REASONS.get(choice.finish_reason, "stop")


def usage_of(said: AnswerUsage | None, *, before: Usage) -> Usage:
    return before if said is None else said.counted()


def _prompt(request: GenerationRequest) -> dict[str, object]:
    open_turn = request.continue_from.removesuffix(request.resumed or "")
    match request.prompt:
        case Chat() as chat if open_turn:
            last = Message(role="assistant", content=open_turn)
            chat = replace(chat, messages=(*chat.messages, last))
            # Those who know the first want the second as well.
            open_ = {"continue_final_message": True, "add_generation_prompt": False}
            return chat_fields(chat) | open_
        case Chat() as chat:
            return chat_fields(chat)
        case prompt:
            return {"prompt": prompt + open_turn if isinstance(prompt, str) else prompt}


def _logprobs_wanted(request: GenerationRequest) -> dict[str, object]:
    if request.logprobs is None:
        return {}
    if isinstance(request.prompt, Chat):
        return {"logprobs": True, "top_logprobs": request.logprobs}
    return {"logprobs": request.logprobs}


def _constraint(constraint: Constraint | None) -> dict[str, object]:
    match constraint:
        case None:
            return {}
        case Regex(pattern):
            return {"guided_regex": pattern}
        case OneOf(texts):
            return {"guided_choice": list(texts)}
        case Grammar(text):
            return {"guided_grammar": text}
        case JsonSchema(schema) if not schema:
            return {"response_format": {"type": "json_object"}}
        case JsonSchema(schema, name, strict):
            wanted: dict[str, object] = {"name": name, "schema": dict(schema)}
            if strict is not None:
                wanted["strict"] = strict
            return {"response_format": {"type": "json_schema", "json_schema": wanted}}


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
