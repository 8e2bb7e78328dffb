"""Google's Gemini: its own API, and the one of Vertex."""

from collections.abc import Iterator, Sequence

import aiohttp
import msgspec

from fastchat.core.chat import Audio, Chat, Image, Message, NamedTool, Part, Text
from fastchat.core.constraints import JsonSchema
from fastchat.core.errors import InvalidRequest
from fastchat.core.generation import (
    Chunk,
    FinishReason,
    GenerationRequest,
    ToolCallDelta,
    Usage,
)
from fastchat.protocol.codec import encode
from fastchat.providers.endpoint import Endpoint
from fastchat.providers.engine import ProviderEngine
from fastchat.providers.faults import error_in_stream
from fastchat.providers.pictures import data_of
from fastchat.providers.tool_arguments import as_object

# As FastChat had it: what is said to a model is between its user and the house that runs it.
_CATEGORIES = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")
_SAFETY = [{"category": f"HARM_CATEGORY_{name}", "threshold": "BLOCK_NONE"} for name in _CATEGORIES]
THINKING = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
_FILTERED = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE")

Fields = dict[str, object]


class _Call(msgspec.Struct, frozen=True):
    name: str
    args: dict[str, object] | None = None
    id: str | None = None


class _Part(msgspec.Struct, frozen=True):
    text: str | None = None
    thought: bool = False
    functionCall: _Call | None = None  # Google's spelling


class _Content(msgspec.Struct, frozen=True):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, frozen=True, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct, frozen=True, rename="camel"):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None


class _Feedback(msgspec.Struct, frozen=True, rename="camel"):
    block_reason: str | None = None


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: _Usage | None = None
    prompt_feedback: _Feedback | None = None
    error: msgspec.Raw | None = None


class Gemini:
    def body(self, endpoint: Endpoint, request: GenerationRequest, chat: Chat) -> object:
        body: dict[str, object | None] = {
            "contents": _contents(chat),
            "systemInstruction": _system(chat),
            "generationConfig": _config(request, chat),
            "safetySettings": _SAFETY,
        }
        if chat.tools:
            body |= {"tools": _tools(chat), "toolConfig": _tool_choice(chat)}
        return {name: value for name, value in body.items() if value}

    def reader(self, endpoint: Endpoint) -> "GeminiReader":
        return GeminiReader(endpoint)


class GeminiReader:
    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._usage = Usage()
        self._finish: FinishReason | None = None
        self._calls = 0

    def read(self, data: bytes) -> Iterator[Chunk]:
        event = msgspec.json.decode(data, type=_Event)
        if event.error is not None:
            raise error_in_stream(self._endpoint, data)
        self._count(event.usage_metadata)
        if event.prompt_feedback is not None and event.prompt_feedback.block_reason:
            self._finish = "content_filter"
        for candidate in (event.candidates or ())[:1]:
            for part in (candidate.content and candidate.content.parts) or ():
                yield from self._part(part)
            if candidate.finish_reason:
                self._finish = _finish(candidate.finish_reason)

    def end(self) -> Chunk | None:
        if self._finish is None:
            return None
        finish = "tool_calls" if self._finish == "stop" and self._calls else self._finish
        return Chunk(usage=self._usage, finish_reason=finish)

    def _part(self, part: _Part) -> Iterator[Chunk]:
        call = part.functionCall
        if call is not None:
            delta = ToolCallDelta(
                index=self._calls,
                id=call.id or f"call_{self._calls}",
                name=call.name,
                arguments=encode(call.args or {}).decode(),
            )
            self._calls += 1
            yield Chunk(tool_calls=(delta,), usage=self._usage)
        elif part.text and part.thought:
            yield Chunk(reasoning=part.text, usage=self._usage)
        elif part.text:
            yield Chunk(text=part.text, usage=self._usage)

    def _count(self, said: _Usage | None) -> None:
        if said is None:
            return
        thoughts = said.thoughts_token_count or 0
        self._usage = Usage.told(
            said.prompt_token_count or self._usage.prompt_tokens,
            (said.candidates_token_count or 0) + thoughts,
            cached=said.cached_content_token_count or 0,
            reasoning=thoughts,
        )


def create(endpoint: Endpoint, session: aiohttp.ClientSession, silence_s: float) -> ProviderEngine:
    return ProviderEngine(endpoint, session, silence_s, Gemini())


def _finish(word: str) -> FinishReason:
    if word == "MAX_TOKENS":
        return "length"
    return "content_filter" if word in _FILTERED else "stop"


def _config(request: GenerationRequest, chat: Chat) -> Fields:
    sampling, constraint = request.sampling, request.constraint
    config: Fields = {
        "temperature": sampling.temperature,
        "topP": None if sampling.top_p == 1 else sampling.top_p,
        "topK": sampling.top_k,
        "maxOutputTokens": request.max_tokens,
        "stopSequences": list(request.stop) or None,
        "seed": sampling.seed,
        "presencePenalty": sampling.presence_penalty or None,
        "frequencyPenalty": sampling.frequency_penalty or None,
    }
    if isinstance(constraint, JsonSchema):
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = dict(constraint.schema) or None
    if chat.reasoning_effort is not None:
        budget = THINKING.get(chat.reasoning_effort)
        config["thinkingConfig"] = {"includeThoughts": budget != 0} | (
            {} if budget is None else {"thinkingBudget": budget}
        )
    return {name: value for name, value in config.items() if value is not None}


def _system(chat: Chat) -> Fields | None:
    said = [one.text for one in chat.messages if one.role in ("system", "developer")]
    return {"parts": [{"text": text} for text in said if text]} if any(said) else None


def _contents(chat: Chat) -> list[Fields]:
    """Turns alternate here, too; results of tools are told by the name of the function."""
    names = {call.id: call.name for message in chat.messages for call in message.tool_calls}
    turns: list[tuple[str, list[Fields]]] = []
    for message in chat.messages:
        if message.role in ("system", "developer"):
            continue
        role = "model" if message.role == "assistant" else "user"
        parts = _result(message, names) if message.role == "tool" else _parts(message)
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(parts)
        elif parts:
            turns.append((role, parts))
    return [{"role": role, "parts": parts} for role, parts in turns]


def _result(message: Message, names: dict[str, str]) -> list[Fields]:
    name = names.get(message.tool_call_id or "")
    if name is None:
        raise InvalidRequest("A tool message answers no call of the messages.", param="messages")
    return [{"functionResponse": {"name": name, "response": {"result": message.text}}}]


def _parts(message: Message) -> list[Fields]:
    calls: list[Fields] = [
        {"functionCall": {"name": call.name, "args": as_object(call.arguments)}}
        for call in message.tool_calls
    ]
    return [*_said(message.parts), *calls]


def _said(parts: Sequence[Part]) -> Iterator[Fields]:
    for part in parts:
        match part:
            case Text(text):
                if text:
                    yield {"text": text}
            case Image(url):
                data = data_of(url)
                if data is None:
                    yield {"fileData": {"fileUri": url}}
                else:
                    yield {"inlineData": {"mimeType": data[0], "data": data[1]}}
            case Audio(data, format):
                yield {"inlineData": {"mimeType": f"audio/{format}", "data": data}}


def _tools(chat: Chat) -> list[Fields]:
    functions = []
    for tool in chat.tools:
        function: Fields = {"name": tool.name, "description": tool.description}
        if tool.parameters:
            function["parametersJsonSchema"] = dict(tool.parameters)
        functions.append(function)
    return [{"functionDeclarations": functions}]


def _tool_choice(chat: Chat) -> Fields:
    match chat.tool_choice:
        case NamedTool(name):
            config: Fields = {"mode": "ANY", "allowedFunctionNames": [name]}
        case "required":
            config = {"mode": "ANY"}
        case "none":
            config = {"mode": "NONE"}
        case _:
            config = {"mode": "AUTO"}
    return {"functionCallingConfig": config}
