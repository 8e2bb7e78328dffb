"""Talking to a worker on the wire of 0.2.36."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import aiohttp

from fastchat.client.http import NETWORK_ERRORS, Api, messages
from fastchat.protocol.cluster import WorkerLoad, WorkerStatus
from fastchat.protocol.codec import decode, encode
from fastchat.protocol.wire import (
    END,
    ConvTemplate,
    Count,
    CountRequest,
    GenerateParams,
    ModelDetails,
    ModelRequest,
    StreamMessage,
)

CALL_S = 20.0


class WorkerFault(Exception):
    """The worker cannot be reached, refused, or spoke nonsense."""


class WorkerClient:
    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        token: str | None = None,
        silence_s: float = 100.0,
    ) -> None:
        self._api = Api(session, base_url, token=token, timeout_s=CALL_S)
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

    async def generate(self, params: GenerateParams) -> AsyncGenerator[StreamMessage, None]:
        """Messages with the whole text so far; an error is a message with an `error_code`."""
        with self._faults():
            async with self._api.stream(
                "POST", "/worker_generate_stream", body=encode(params), silence_s=self._silence_s
            ) as answer:
                async for message in messages(answer, END):
                    yield decode(message, StreamMessage)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except NETWORK_ERRORS as error:
            reason = str(error) or type(error).__name__
            raise WorkerFault(f"the worker {self._api.base_url} failed: {reason}") from error
