"""Anthropic's Messages: its own API, and the one of Google's Vertex."""

from collections.abc import Iterator, Sequence

import aiohttp
import msgspec

from fastchat.core.chat import Chat, Image, Message, NamedTool, Part, Text
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
from fastchat.providers.pictures import data_of
from fastchat.providers.tool_arguments import as_object

# The API wants a number where OpenAI's has none.
MAX_TOKENS = 4096
VERTEX_VERSION = "vertex-2023-10-16"
# Tokens of thinking, beside those of the answer.
THINKING = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 32768}
_REASONS: dict[str, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}

Block = dict[str, object]


class _Usage(msgspec.Struct, frozen=True):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None


class _Part(msgspec.Struct, frozen=True):
    """What a block begins with, or what comes to it, or how the whole ends."""

    type: str | None = None
    id: str | None = None
    name: str | None = None
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Opening(msgspec.Struct, frozen=True):
    usage: _Usage | None = None


class _Event(msgspec.Struct, frozen=True):
    type: str
    index: int = 0
    message: _Opening | None = None
    content_block: _Part | None = None
    delta: _Part | None = None
    usage: _Usage | None = None


class Anthropic:
    def body(self, endpoint: Endpoint, request: GenerationRequest, chat: Chat) -> object:
        sampling = request.sampling
        thinking = THINKING.get(chat.reasoning_effort or "none")
        body: dict[str, object | None] = {
            "model": endpoint.model_name,
            "stream": True,
            "max_tokens": (request.max_tokens or MAX_TOKENS) + (thinking or 0),
            "system": _system(chat) or None,
            "messages": _messages(chat, endpoint),
            "stop_sequences": list(request.stop) or None,
            "temperature": None if sampling.temperature == 1 else sampling.temperature,
            "top_p": None if sampling.top_p == 1 else sampling.top_p,
            "top_k": sampling.top_k,
            "output_config": _output(request, endpoint),
            "thinking": None
            if thinking is None
            else {"type": "enabled", "budget_tokens": thinking},
        }
        if chat.tools:
            body |= {"tools": _tools(chat), "tool_choice": _tool_choice(chat)}
        if "{model}" in endpoint.vendor.path:  # of Vertex: the address names the model
            body |= {"model": None, "anthropic_version": VERTEX_VERSION}
        return {name: value for name, value in body.items() if value is not None}

    def reader(self, endpoint: Endpoint) -> "AnthropicReader":
        return AnthropicReader(endpoint)


class AnthropicReader:
    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._usage = Usage()
        self._finish: FinishReason | None = None
        self._ended = False
        self._calls: dict[int, int] = {}  # blocks to calls: text is counted among the blocks

    def read(self, data: bytes) -> Iterator[Chunk]:
        event = msgspec.json.decode(data, type=_Event)
        if event.message is not None:
            self._count(event.message.usage)
        self._count(event.usage)
        match event.type:
            case "error":
                raise error_in_stream(self._endpoint, data)
            case "content_block_start" if event.content_block is not None:
                yield from self._begin(event.index, event.content_block)
            case "content_block_delta" if event.delta is not None:
                yield from self._go_on(event.index, event.delta)
            case "message_delta" if event.delta is not None and event.delta.stop_reason:
                self._finish = _REASONS.get(event.delta.stop_reason, "stop")
            case "message_stop":
                self._ended = True

    def end(self) -> Chunk | None:
        if not self._ended or self._finish is None:
            return None
        return Chunk(usage=self._usage, finish_reason=self._finish)

    def _begin(self, index: int, block: _Part) -> Iterator[Chunk]:
        if block.type == "tool_use":
            call = self._calls[index] = len(self._calls)
            delta = ToolCallDelta(index=call, id=block.id or "", name=block.name or "")
            yield Chunk(tool_calls=(delta,), usage=self._usage)
        elif block.text or block.thinking:
            yield Chunk(text=block.text or "", reasoning=block.thinking or "", usage=self._usage)

    def _go_on(self, index: int, delta: _Part) -> Iterator[Chunk]:
        if delta.partial_json and index in self._calls:
            piece = ToolCallDelta(index=self._calls[index], arguments=delta.partial_json)
            yield Chunk(tool_calls=(piece,), usage=self._usage)
        elif delta.text or delta.thinking:
            yield Chunk(text=delta.text or "", reasoning=delta.thinking or "", usage=self._usage)

    def _count(self, said: _Usage | None) -> None:
        """Cached tokens come beside the others here, and among them with us."""
        if said is None:
            return
        cached = said.cache_read_input_tokens or 0
        prompt = (said.input_tokens or 0) + (said.cache_creation_input_tokens or 0) + cached
        self._usage = Usage.told(
            prompt or self._usage.prompt_tokens,
            said.output_tokens or self._usage.completion_tokens,
            cached=cached or self._usage.cached_tokens,
        )


def create(endpoint: Endpoint, session: aiohttp.ClientSession, silence_s: float) -> ProviderEngine:
    return ProviderEngine(endpoint, session, silence_s, Anthropic())


def _system(chat: Chat) -> str:
    said = [one.text for one in chat.messages if one.role in ("system", "developer")]
    return "\n\n".join(text for text in said if text)


def _messages(chat: Chat, endpoint: Endpoint) -> list[Block]:
    """Turns alternate here: what one side says in a row is one turn. Results of tools are said by
    the user."""
    turns: list[tuple[str, list[Block]]] = []
    for message in chat.messages:
        if message.role in ("system", "developer"):
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message, endpoint)
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        elif blocks:
            turns.append((role, blocks))
    return [{"role": role, "content": blocks} for role, blocks in turns]


def _blocks(message: Message, endpoint: Endpoint) -> list[Block]:
    if message.role == "tool":
        return [
            {
                "type": "tool_result",
                "tool_use_id": message.tool_call_id or "",
                "content": _parts(message.parts, endpoint),
            }
        ]
    calls: list[Block] = [
        {"type": "tool_use", "id": one.id, "name": one.name, "input": as_object(one.arguments)}
        for one in message.tool_calls
    ]
    return [*_parts(message.parts, endpoint), *calls]


def _parts(parts: Sequence[Part], endpoint: Endpoint) -> list[Block]:
    blocks: list[Block] = []
    for part in parts:
        match part:
            case Text(text):
                if text:  # an empty one is refused
                    blocks.append({"type": "text", "text": text})
            case Image(url):
                data = data_of(url)
                source: Block = {"type": "url", "url": url}
                if data is not None:
                    source = {"type": "base64", "media_type": data[0], "data": data[1]}
                blocks.append({"type": "image", "source": source})
            case _:
                raise Unsupported(["audio"], model=endpoint.name)
    return blocks


def _tools(chat: Chat) -> list[Block]:
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "input_schema": dict(tool.parameters) or {"type": "object", "properties": {}},
        }
        for tool in chat.tools
    ]


def _output(request: GenerationRequest, endpoint: Endpoint) -> Block | None:
    """The API follows a schema, and knows no JSON without one."""
    if not isinstance(request.constraint, JsonSchema):
        return None
    if not request.constraint.schema:
        raise Unsupported(["response_format: json_object"], model=endpoint.name)
    return {"format": {"type": "json_schema", "schema": dict(request.constraint.schema)}}


def _tool_choice(chat: Chat) -> Block:
    match chat.tool_choice:
        case NamedTool(name):
            choice: Block = {"type": "tool", "name": name}
        case "required":
            choice = {"type": "any"}
        case word:
            choice = {"type": word}
    if not chat.parallel_tool_calls and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    return choice
