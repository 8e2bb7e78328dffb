"""OpenAI's chat completions, as OpenAI and everybody who copies it has them."""

from collections.abc import Iterator
from dataclasses import replace

import aiohttp
import msgspec

from fastchat.client.openai_wire import Choice, Delta, body_of, chunk_of, finish_of, usage_of
from fastchat.core.chat import Chat
from fastchat.core.generation import Chunk, FinishReason, GenerationRequest, Usage
from fastchat.protocol.openai.told_usage import AnswerUsage
from fastchat.providers.endpoint import Endpoint
from fastchat.providers.engine import ProviderEngine
from fastchat.providers.faults import error_in_stream
from fastchat.providers.vendors import Vendor


class _Choice(Choice, frozen=True):
    """A whole answer has a message where a stream has deltas."""

    message: Delta | None = None


class _Event(msgspec.Struct, frozen=True):
    choices: list[_Choice] | None = None
    usage: AnswerUsage | None = None
    error: msgspec.Raw | None = None


class OpenAILike:
    def body(self, endpoint: Endpoint, request: GenerationRequest, chat: Chat) -> object:
        vendor = endpoint.vendor
        body = body_of(replace(request, model=endpoint.model_name, prompt=_roles(chat, endpoint)))
        if "max_tokens" in body:
            body[vendor.max_tokens] = body.pop("max_tokens")
        if vendor.fixed_sampling is not None and vendor.fixed_sampling.search(endpoint.model_name):
            body.pop("temperature", None)
            body.pop("top_p", None)
        elif request.sampling.top_p == 1:
            body.pop("top_p", None)  # some refuse both at once
        return _streamed(body, vendor)

    def reader(self, endpoint: Endpoint) -> "OpenAIReader":
        return OpenAIReader(endpoint)


def plain_body(endpoint: Endpoint, request: GenerationRequest) -> object:
    """A plain completion has the fields of old: `max_tokens`, and all of the sampling."""
    return _streamed(body_of(replace(request, model=endpoint.model_name)), endpoint.vendor)


def _streamed(body: dict[str, object], vendor: Vendor) -> dict[str, object]:
    if not vendor.streams:
        body["stream"] = False
    if not vendor.streams or not vendor.asks_usage:
        body.pop("stream_options", None)
    return body


class OpenAIReader:
    """Of chats and of plain completions. The end is held back: the usage comes after it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._usage = Usage()
        self._finish: FinishReason | None = None

    def read(self, data: bytes) -> Iterator[Chunk]:
        event = msgspec.json.decode(data, type=_Event)
        if event.error is not None and bytes(event.error) != b"null":
            raise error_in_stream(self._endpoint, data)
        self._usage = usage_of(event.usage, before=self._usage)
        for choice in event.choices or ():
            self._finish = finish_of(choice) or self._finish
            said = msgspec.structs.replace(choice, delta=choice.message or choice.delta)
            chunk = chunk_of(said, self._usage)
            if chunk.text or chunk.reasoning or chunk.tool_calls or chunk.logprobs:
                yield chunk

    def end(self) -> Chunk | None:
        if self._finish is None:
            return None
        return Chunk(usage=self._usage, finish_reason=self._finish)


def create(endpoint: Endpoint, session: aiohttp.ClientSession, silence_s: float) -> ProviderEngine:
    return ProviderEngine(endpoint, session, silence_s, OpenAILike(), plain_body)


def _roles(chat: Chat, endpoint: Endpoint) -> Chat:
    """Only OpenAI itself knows developers."""
    if endpoint.vendor.developer_role:
        return chat
    said = (
        replace(message, role="system") if message.role == "developer" else message
        for message in chat.messages
    )
    return replace(chat, messages=tuple(said))
