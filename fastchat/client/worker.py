"""Talking to a worker on the wire of 0.2.36."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import aiohttp
import msgspec

from fastchat.client.http import NETWORK_ERRORS, Api, messages
from fastchat.protocol.cluster import WorkerLoad, WorkerStatus
from fastchat.protocol.codec import decode, encode
from fastchat.protocol.wire import (
    END,
    ConvTemplate,
    Count,
    CountRequest,
    Embedded,
    EmbedParams,
    GenerateCall,
    GenerateParams,
    ModelDetails,
    ModelRequest,
    StreamMessage,
    told,
)

# 0.2.36 was known by this name on the wire.
USER_AGENT = "FastChat API Server"

FaultKind = Literal["connect", "lost", "silent", "malformed", "refused"]


class WorkerFault(Exception):
    """The worker cannot be reached, broke off, is silent, refused (`status`), or spoke nonsense."""

    def __init__(self, message: str, kind: FaultKind, *, status: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status


class WorkerClient:
    """`silence_s` bounds the wait for the next byte of a stream, and every other call as a whole:
    a worker of 0.2.36 that is busy answers nothing for a while."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        token: str | None = None,
        silence_s: float = 100.0,
    ) -> None:
        self._api = Api(session, base_url, token=token, timeout_s=silence_s, agent=USER_AGENT)
        self._silence_s = silence_s

    async def status(self) -> WorkerStatus:
        with self._faults():
            return decode(await self._api.post("/worker_get_status"), WorkerStatus)

    async def load(self) -> WorkerLoad:
        with self._faults():
            return decode(await self._api.get("/load"), WorkerLoad)

    async def conv_template(self, model: str) -> dict[str, object]:
        with self._faults():
            answer = await self._api.post("/worker_get_conv_template", ModelRequest(model=model))
            return decode(answer, ConvTemplate).conv

    async def context_length(self, model: str) -> int:
        with self._faults():
            answer = await self._api.post("/model_details", ModelRequest(model=model))
            return decode(answer, ModelDetails).context_length

    async def count_tokens(self, model: str, prompt: str) -> int:
        with self._faults():
            request = CountRequest(model=model, prompt=prompt)
            return decode(await self._api.post("/count_token", request), Count).count

    async def embed(self, model: str, texts: Sequence[str]) -> Embedded:
        """Raises a `PlatformError` for an error message, as the worker worded it."""
        with self._faults():
            params = EmbedParams(model=model, input=list(texts))
            answer = await self._api.post("/worker_get_embeddings", params)
            outcome = decode(answer, _Outcome)
            if not outcome.error_code:
                return decode(answer, Embedded)
        raise told(outcome.text, outcome.error_code)

    async def generate(
        self, params: GenerateParams | GenerateCall
    ) -> AsyncGenerator[StreamMessage, None]:
        """Messages with the whole text so far; an error is a message with an `error_code`."""
        with self._faults():
            async with self._api.stream(
                "POST", "/worker_generate_stream", body=encode(params), silence_s=self._silence_s
            ) as answer:
                async for message in messages(answer, END):
                    if message:
                        yield decode(message, StreamMessage)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except NETWORK_ERRORS as error:
            reason = str(error) or type(error).__name__
            status = error.status if isinstance(error, aiohttp.ClientResponseError) else None
            raise WorkerFault(
                f"the worker {self._api.base_url} failed: {reason}", _kind(error), status=status
            ) from error


class _Outcome(msgspec.Struct, frozen=True, kw_only=True):
    text: str = ""
    error_code: int = 0


def _kind(error: Exception) -> FaultKind:
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return "connect"
    if isinstance(error, TimeoutError):
        return "silent"
    if isinstance(error, aiohttp.ClientResponseError) and error.status >= 300:
        return "refused"
    return "lost" if isinstance(error, aiohttp.ClientError) else "malformed"
