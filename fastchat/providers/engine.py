"""The one engine of all providers: what differs is how a request is written and an answer read."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Protocol
from urllib.parse import quote

import aiohttp
import msgspec

from fastchat.client.http import bounded, messages
from fastchat.core.chat import Chat, Message
from fastchat.core.errors import (
    EngineFailed,
    Overloaded,
    PlatformError,
    ProviderAway,
    Unsupported,
)
from fastchat.core.generation import Chunk, Feature, GenerationRequest
from fastchat.protocol.codec import encode
from fastchat.providers.endpoint import Endpoint
from fastchat.providers.faults import away, error_of

CONNECT_S = 10.0
ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
ERROR_LIMIT_BYTES = 256 * 1024
# What a network, or nonsense, can raise.
_FAULTS = (aiohttp.ClientError, TimeoutError, ValueError, msgspec.MsgspecError, RecursionError)


class Reader(Protocol):
    """Reads one answer. Raises ValueError or msgspec's errors for what makes no sense."""

    def read(self, data: bytes) -> Iterable[Chunk]:
        """One event of a stream, or a whole answer. Raises the error that it tells."""
        ...

    def end(self) -> Chunk | None:
        """The last chunk; None when the answer was not over."""
        ...


class Dialect(Protocol):
    def body(self, endpoint: Endpoint, request: GenerationRequest, chat: Chat) -> object: ...

    def reader(self, endpoint: Endpoint) -> Reader: ...


class ProviderEngine:
    """`session` belongs to whoever opened it. `silence_s` bounds the time without a byte.

    Until the first chunk every fault but the client's own is `ProviderAway` or `Overloaded`, so
    that another model may be asked; later ones are `EngineFailed`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        session: aiohttp.ClientSession,
        silence_s: float,
        dialect: Dialect,
    ) -> None:
        self._endpoint = endpoint
        self._session = session
        self._limit = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=silence_s)
        self._dialect = dialect
        self._url = url_of(endpoint)
        self._headers = headers_of(endpoint)

    @property
    def model_names(self) -> Sequence[str]:
        return (self._endpoint.name,)

    @property
    def features(self) -> frozenset[Feature]:
        return self._endpoint.vendor.features

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        if not isinstance(request.prompt, Chat):
            raise Unsupported(["completions of plain text"], model=request.model)
        chat = _with_system(request.prompt, self._endpoint.system_prompt)
        body = encode(self._dialect.body(self._endpoint, request, chat))
        began = False
        async with aclosing(self._chunks(body, request.id)) as chunks:
            try:
                async for chunk in chunks:
                    began = True
                    yield chunk
            except (ProviderAway, Overloaded) as error:
                if began:
                    raise EngineFailed(error.message) from error
                raise

    async def aclose(self) -> None:
        """Nothing is held: the session belongs to somebody else."""

    async def _chunks(self, body: bytes, id: str) -> AsyncGenerator[Chunk, None]:
        reader = self._dialect.reader(self._endpoint)
        try:
            async with self._answer(body, id) as answer, aclosing(_said(answer)) as said:
                async for data in said:
                    for chunk in reader.read(data):
                        yield chunk
        except PlatformError:
            raise
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise away(self._endpoint, "it cannot be reached", str(error)) from error
        except TimeoutError as error:
            raise away(self._endpoint, "it was silent for too long") from error
        except _FAULTS as error:
            detail = f"({type(error).__name__}: {error})"[:300]
            raise away(self._endpoint, "its answer broke", detail) from error
        last = reader.end()
        if last is None:
            raise away(self._endpoint, "its stream ended before its answer did")
        yield last

    @asynccontextmanager
    async def _answer(self, body: bytes, id: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer of status 200; leaving it unread closes the connection."""
        async with await self._posted(body, id) as answer:
            if answer.status != 200:
                said = await bounded(answer, ERROR_LIMIT_BYTES)
                retry_after = answer.headers.get("retry-after")
                raise error_of(self._endpoint, answer.status, said, retry_after)
            yield answer

    async def _posted(self, body: bytes, id: str) -> aiohttp.ClientResponse:
        """A kept connection may have been closed meanwhile: then once more, on another."""
        try:
            return await self._post(body, id)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            return await self._post(body, id)

    async def _post(self, body: bytes, id: str) -> aiohttp.ClientResponse:
        return await self._session.post(
            self._url,
            data=body,
            headers=self._headers | {"x-request-id": id},
            timeout=self._limit,
            allow_redirects=False,  # with our key, to wherever it says
        )


def url_of(endpoint: Endpoint) -> str:
    """A base may have the version that the path begins with, or lack the one it needs."""
    vendor, base = endpoint.vendor, endpoint.api_base.rstrip("/")
    path = vendor.path.replace("{model}", quote(endpoint.model_name, safe=""))
    if path.startswith("/v1/"):
        base = base.removesuffix("/v1")
    elif path in ("/chat/completions", "/responses") and "/" not in base.partition("://")[2]:
        base += "/v1"
    return f"{base}{path}" + (f"?{vendor.query}" if vendor.query else "")


def headers_of(endpoint: Endpoint) -> dict[str, str]:
    vendor = endpoint.vendor
    headers = {"content-type": "application/json", "user-agent": "fastchat", **vendor.headers}
    if endpoint.api_key:
        bearer = "Bearer " if vendor.key_header == "authorization" else ""
        headers[vendor.key_header] = bearer + endpoint.api_key
    return headers


async def _said(answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    """The events of a stream, or the one body of what is no stream."""
    if answer.content_type != "text/event-stream":
        yield await bounded(answer, ANSWER_LIMIT_BYTES)
        return
    received = 0
    async with aclosing(messages(answer, b"\n", rest_matters=False)) as lines:
        async for line in lines:
            received += len(line) + 1
            if received > ANSWER_LIMIT_BYTES:
                raise ValueError(f"an answer of more than {ANSWER_LIMIT_BYTES} bytes")
            field, _, value = line.partition(b":")
            value = value.strip()
            if field == b"data" and value == b"[DONE]":
                return
            if field == b"data" and value:
                yield value


def _with_system(chat: Chat, prompt: str | None) -> Chat:
    if prompt is None or any(message.role in ("system", "developer") for message in chat.messages):
        return chat
    return replace(chat, messages=(Message(role="system", content=prompt), *chat.messages))
