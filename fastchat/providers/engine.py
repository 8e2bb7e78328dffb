"""The one engine of all providers: what differs is how a request is written and an answer read."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Protocol, runtime_checkable
from urllib.parse import quote

import aiohttp
import msgspec

from fastchat.client.http import bounded, messages
from fastchat.core.chat import Chat, Message
from fastchat.core.errors import (
    EngineFailed,
    InvalidRequest,
    Overloaded,
    PlatformError,
    ProviderAway,
    Unsupported,
)
from fastchat.core.generation import (
    Chunk,
    Feature,
    GenerationRequest,
    required_features,
)
from fastchat.protocol.codec import encode
from fastchat.providers.endpoint import Endpoint
from fastchat.providers.faults import away, error_of

CONNECT_S = 10.0
ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
ERROR_LIMIT_BYTES = 256 * 1024
# Their version stands in the base.
_BARE = ("/chat/completions", "/completions", "/fim/completions", "/responses")
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


# The body of a request for a plain completion, in the dialect that has them.
Plain = Callable[[Endpoint, GenerationRequest], object]


@runtime_checkable
class Checks(Protocol):
    """An engine that knows beforehand what it will not do."""

    def check(self, request: GenerationRequest) -> None:
        """Raises `Unsupported`, before anything is spent."""
        ...


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
        plain: Plain | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._session = session
        self._limit = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=silence_s)
        self._dialect = dialect
        self._plain = plain
        self._headers = headers_of(endpoint)

    @property
    def model_names(self) -> Sequence[str]:
        return (self._endpoint.name,)

    @property
    def features(self) -> frozenset[Feature]:
        """Of chats and of plain completions; `check` knows them apart."""
        return self._endpoint.vendor.all_features

    def check(self, request: GenerationRequest) -> None:
        vendor = self._endpoint.vendor
        able = vendor.features
        if not isinstance(request.prompt, Chat):
            if vendor.completions is None:
                raise _chats_only(self._endpoint)
            able = vendor.completions.features
        if missing := required_features(request) - able:
            raise Unsupported(missing, model=request.model)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        self.check(request)
        path, body = self._written(request)
        url, began = url_of(self._endpoint, path), False
        async with aclosing(self._chunks(url, encode(body), request.id)) as chunks:
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

    def _written(self, request: GenerationRequest) -> tuple[str, object]:
        """Path and body."""
        endpoint, completions = self._endpoint, self._endpoint.vendor.completions
        if isinstance(request.prompt, Chat):
            chat = _with_system(request.prompt, endpoint.system_prompt)
            return endpoint.vendor.path, self._dialect.body(endpoint, request, chat)
        assert completions is not None  # as checked
        assert self._plain is not None  # the rows with completions are of the dialect that has them
        return completions.path, self._plain(endpoint, request)

    async def _chunks(self, url: str, body: bytes, id: str) -> AsyncGenerator[Chunk, None]:
        reader = self._dialect.reader(self._endpoint)
        try:
            async with self._answer(url, body, id) as answer, aclosing(_said(answer)) as said:
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
    async def _answer(
        self, url: str, body: bytes, id: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer of status 200; leaving it unread closes the connection."""
        async with await self._posted(url, body, id) as answer:
            if answer.status != 200:
                said = await bounded(answer, ERROR_LIMIT_BYTES)
                retry_after = answer.headers.get("retry-after")
                raise error_of(self._endpoint, answer.status, said, retry_after)
            yield answer

    async def _posted(self, url: str, body: bytes, id: str) -> aiohttp.ClientResponse:
        """A kept connection may have been closed meanwhile: then once more, on another."""
        try:
            return await self._post(url, body, id)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            return await self._post(url, body, id)

    async def _post(self, url: str, body: bytes, id: str) -> aiohttp.ClientResponse:
        return await self._session.post(
            url,
            data=body,
            headers=self._headers | {"x-request-id": id},
            timeout=self._limit,
            allow_redirects=False,  # with our key, to wherever it says
        )


def url_of(endpoint: Endpoint, path: str) -> str:
    """A base may have the version that the path begins with, or lack the one it needs."""
    vendor, base = endpoint.vendor, endpoint.api_base.rstrip("/")
    path = path.replace("{model}", quote(endpoint.model_name, safe=""))
    if path.startswith(("/v1/", "/beta/")):
        base = base.removesuffix("/v1").removesuffix("/beta")
    elif path in _BARE and "/" not in base.partition("://")[2]:
        base += "/v1"
    return f"{base}{path}" + (f"?{vendor.query}" if vendor.query else "")


def _chats_only(endpoint: Endpoint) -> InvalidRequest:
    return InvalidRequest(
        f"The provider of {endpoint.name!r} has no completions of plain text: ask "
        "/v1/chat/completions.",
        param="prompt",
    )


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
