"""OpenAI's answers as Anthropic's: whole ones, and errors. No I/O."""

from collections.abc import Iterator, Mapping

import msgspec

from fastchat.core.codes import ErrorCode
from fastchat.gateway.frontends.anthropic.said import Answer, ErrorAnswer, Said, TokensSaid
from fastchat.protocol.openai.told_usage import AnswerUsage

Fields = dict[str, object]

_REASONS: Mapping[str, str] = {
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_KINDS: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
OVERLOADED = 529


def message(body: bytes) -> bytes:
    said = msgspec.json.decode(body, type=Answer)
    choice = said.choices[0]
    whole = head(said.id, said.model) | {
        "content": list(_blocks(choice.message or Said())),
        "stop_reason": stop_reason(choice.finish_reason),
        "usage": usage(said.usage),
    }
    return msgspec.json.encode(whole)


def head(id: str, model: str) -> Fields:
    """Of a message about which nothing else is known yet."""
    return {
        "id": f"msg_{id.removeprefix('chatcmpl-')}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage(None),
    }


def stop_reason(finish: str | None) -> str:
    """Whether a stop sequence ended it is not told in OpenAI's dialect."""
    return _REASONS.get(finish or "", "end_turn")


def usage(said: AnswerUsage | None) -> Fields:
    """Tokens that were not computed again are counted beside the others here."""
    if said is None:
        return {"input_tokens": 0, "output_tokens": 0}
    counted = said.counted()
    return {
        "input_tokens": counted.prompt_tokens - counted.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": counted.cached_tokens,
        "output_tokens": counted.completion_tokens,
    }


def tokens(body: bytes) -> bytes:
    return msgspec.json.encode({"input_tokens": msgspec.json.decode(body, type=TokensSaid).count})


def error(status: int, body: bytes, id: str) -> tuple[int, bytes]:
    """The status as well: to be overloaded has one of its own."""
    try:
        said = msgspec.json.decode(body, type=ErrorAnswer).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = None
    if said is not None and said.code == ErrorCode.ENGINE_OVERLOADED:
        status = OVERLOADED
    kind = _KINDS.get(status, "invalid_request_error" if status < 500 else "api_error")
    told = {"type": kind, "message": said.message if said else "The answer could not be read."}
    return status, msgspec.json.encode({"type": "error", "error": told, "request_id": id})


def _blocks(said: Said) -> Iterator[Fields]:
    if said.thought:
        yield {"type": "thinking", "thinking": said.thought, "signature": ""}
    if said.content:
        yield {"type": "text", "text": said.content}
    for call in said.tool_calls or ():
        yield {
            "type": "tool_use",
            "id": call.id or "",
            "name": call.function.name or "",
            "input": _input(call.function.arguments or "{}"),
        }


def _input(arguments: str) -> object:
    """A model may write what is no object: here it must be one."""
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"arguments": arguments}
