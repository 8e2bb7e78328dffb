"""OpenAI's Responses: some of its models answer nowhere else."""

from collections.abc import Iterator

import aiohttp
import msgspec

from fastchat.core.chat import Chat, Image, Message, NamedTool, Part, Text, Tool
from fastchat.core.constraints import JsonSchema
from fastchat.core.errors import Unsupported
from fastchat.core.generation import (
    Chunk,
    FinishReason,
    GenerationRequest,
    ToolCallDelta,
    Usage,
)
from fastchat.providers.endpoint import Endpoint
from fastchat.providers.engine import ProviderEngine
from fastchat.providers.faults import error_in_stream

Fields = dict[str, object]


class _Item(msgspec.Struct, frozen=True):
    type: str | None = None
    call_id: str | None = None
    name: str | None = None


class _Cached(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None


class _Reasoned(msgspec.Struct, frozen=True):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, frozen=True):
    input_tokens: int | None = None
    input_tokens_details: _Cached | None = None
    output_tokens: int | None = None
    output_tokens_details: _Reasoned | None = None


class _Incomplete(msgspec.Struct, frozen=True):
    reason: str | None = None


class _Response(msgspec.Struct, frozen=True):
    usage: _Usage | None = None
    incomplete_details: _Incomplete | None = None
    error: msgspec.Raw = msgspec.Raw(b"null")


class _Event(msgspec.Struct, frozen=True):
    type: str
    delta: str | None = None
    output_index: int = 0
    item: _Item | None = None
    response: _Response | None = None


class Responses:
    def body(self, endpoint: Endpoint, request: GenerationRequest, chat: Chat) -> object:
        if request.stop:
            raise Unsupported(["stop"], model=endpoint.name)
        sampling, vendor = request.sampling, endpoint.vendor
        fixed = vendor.fixed_sampling is not None and vendor.fixed_sampling.search(
            endpoint.model_name
        )
        body: dict[str, object | None] = {
            "model": endpoint.model_name,
            "input": [item for message in chat.messages for item in _items(message, endpoint)],
            "stream": True,
            "store": False,  # what our users say is not kept there
            "max_output_tokens": request.max_tokens,
            "temperature": None if fixed else sampling.temperature,
            "top_p": None if fixed or sampling.top_p == 1 else sampling.top_p,
            "text": _format(request),
            "reasoning": _reasoning(chat),
        }
        if chat.tools:
            body |= {
                "tools": [_tool(tool) for tool in chat.tools],
                "tool_choice": _tool_choice(chat),
                "parallel_tool_calls": chat.parallel_tool_calls,
            }
        return {name: value for name, value in body.items() if value is not None}

    def reader(self, endpoint: Endpoint) -> "ResponsesReader":
        return ResponsesReader(endpoint)


class ResponsesReader:
    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._usage = Usage()
        self._finish: FinishReason | None = None
        self._calls: dict[int, int] = {}

    def read(self, data: bytes) -> Iterator[Chunk]:
        event = msgspec.json.decode(data, type=_Event)
        match event.type:
            case "response.output_text.delta" | "response.refusal.delta":
                yield Chunk(text=event.delta or "", usage=self._usage)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                yield Chunk(reasoning=event.delta or "", usage=self._usage)
            case "response.output_item.added" if event.item is not None:
                yield from self._begin(event.output_index, event.item)
            case "response.function_call_arguments.delta" if event.output_index in self._calls:
                index = self._calls[event.output_index]
                piece = ToolCallDelta(index=index, arguments=event.delta or "")
                yield Chunk(tool_calls=(piece,), usage=self._usage)
            case "response.completed" | "response.incomplete" if event.response is not None:
                self._end(event.response)
            case "response.failed" if event.response is not None:
                said = b'{"error":' + bytes(event.response.error) + b"}"
                raise error_in_stream(self._endpoint, said)
            case "error":
                raise error_in_stream(self._endpoint, data)

    def end(self) -> Chunk | None:
        if self._finish is None:
            return None
        return Chunk(usage=self._usage, finish_reason=self._finish)

    def _begin(self, index: int, item: _Item) -> Iterator[Chunk]:
        if item.type == "function_call":
            call = self._calls[index] = len(self._calls)
            delta = ToolCallDelta(index=call, id=item.call_id or "", name=item.name or "")
            yield Chunk(tool_calls=(delta,), usage=self._usage)

    def _end(self, response: _Response) -> None:
        reason = response.incomplete_details and response.incomplete_details.reason
        if reason == "content_filter":
            self._finish = "content_filter"
        elif reason:
            self._finish = "length"
        else:
            self._finish = "tool_calls" if self._calls else "stop"
        said = response.usage
        if said is not None:
            cached, reasoned = said.input_tokens_details, said.output_tokens_details
            self._usage = Usage.told(
                said.input_tokens or 0,
                said.output_tokens or 0,
                cached=(cached and cached.cached_tokens) or 0,
                reasoning=(reasoned and reasoned.reasoning_tokens) or 0,
            )


def create(endpoint: Endpoint, session: aiohttp.ClientSession, silence_s: float) -> ProviderEngine:
    return ProviderEngine(endpoint, session, silence_s, Responses())


def _items(message: Message, endpoint: Endpoint) -> Iterator[Fields]:
    if message.role == "tool":
        yield {
            "type": "function_call_output",
            "call_id": message.tool_call_id or "",
            "output": message.text,
        }
        return
    kind = "output_text" if message.role == "assistant" else "input_text"
    content = [_part(part, kind, endpoint) for part in message.parts if part != Text("")]
    if content:
        yield {"type": "message", "role": message.role, "content": content}
    for call in message.tool_calls:
        yield {
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
        }


def _part(part: Part, kind: str, endpoint: Endpoint) -> Fields:
    match part:
        case Text(text):
            return {"type": kind, "text": text}
        case Image(url, detail):
            return {"type": "input_image", "image_url": url, "detail": detail or "auto"}
        case _:
            raise Unsupported(["audio"], model=endpoint.name)


def _tool(tool: Tool) -> Fields:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters) or {"type": "object", "properties": {}},
        "strict": bool(tool.strict),
    }


def _tool_choice(chat: Chat) -> object:
    match chat.tool_choice:
        case NamedTool(name):
            return {"type": "function", "name": name}
        case word:
            return word


def _reasoning(chat: Chat) -> Fields | None:
    if chat.reasoning_effort is None:
        return None
    return {"effort": chat.reasoning_effort, "summary": "auto"}


def _format(request: GenerationRequest) -> Fields | None:
    constraint = request.constraint
    if not isinstance(constraint, JsonSchema):
        return None
    if not constraint.schema:
        return {"format": {"type": "json_object"}}
    return {
        "format": {
            "type": "json_schema",
            "name": constraint.name,
            "schema": dict(constraint.schema),
            "strict": bool(constraint.strict),
        }
    }
