"""An engine over any server that speaks the OpenAI API: our workers, our API server, others."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import aiohttp
import msgspec

from fastchat.client.http import bearer, bounded, messages
from fastchat.client.openai_errors import error_of_answer, error_of_event
from fastchat.client.openai_wire import (
    Event,
    ModelIds,
    body_of,
    chunk_of,
    finish_of,
    usage_of,
)
from fastchat.core.errors import EngineFailed, NoWorker, WorkerTimeout
from fastchat.core.generation import Chat, Chunk, Feature, FinishReason, GenerationRequest, Usage
from fastchat.protocol.codec import encode

logger = logging.getLogger(__name__)

CONNECT_S = 5.0
CALL_S = 20.0
ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
BODY_LIMIT_BYTES = 1024 * 1024


class OpenAIEngine:
    """`session` belongs to whoever opened it. `silence_s` bounds the time without a byte.

    The usage of a chunk is what the server has said so far; most say it with the end. Raises
    `NoWorker` when nobody listens, so that somebody else can be asked; what goes wrong later is
    `EngineFailed`, `WorkerTimeout` or the error that the server answered.
    """

    # What the server itself cannot do it refuses by name.
    features: frozenset[Feature] = frozenset(
        [
            "chat",
            "token_prompt",
            "logprobs",
            "json_schema",
            "seed",
            "top_k",
            "min_p",
            "presence_penalty",
            "frequency_penalty",
            "repetition_penalty",
            "logit_bias",
            "tools",
            "tool_choice",
            "reasoning_effort",
            "vision",
            "audio",
            "guided_regex",
            "guided_choice",
            "guided_grammar",
            "suffix",
        ]
    )

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        model_names: Sequence[str],
        *,
        token: str | None = None,
        silence_s: float = 100.0,
        resumes: bool = False,
    ) -> None:
        """`base_url` may end in /v1 or not. `resumes` for a server of ours: it goes on with an
        answer that another began."""
        self._session = session
        self._base_url = base_url.rstrip("/").removesuffix("/v1")
        self._model_names = tuple(model_names)
        self._headers = {"content-type": "application/json", **bearer(token)}
        self._silence_s = silence_s
        if resumes:
            self.features |= {"continuation"}

    @property
    def model_names(self) -> Sequence[str]:
        return self._model_names

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        kind = "chat/completions" if isinstance(request.prompt, Chat) else "completions"
        async with (
            self._stream(f"/v1/{kind}", request) as answer,
            aclosing(_events(answer)) as events,
            aclosing(_chunks(events)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    async def models(self) -> list[str]:
        """The names that the server serves now."""
        limit = aiohttp.ClientTimeout(total=CALL_S, sock_connect=CONNECT_S)
        async with self._answer("GET", "/v1/models", None, limit) as answer:
            body = await bounded(answer, BODY_LIMIT_BYTES)
        try:
            return [card.id for card in msgspec.json.decode(body, type=ModelIds).data]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EngineFailed(f"{self._base_url}/v1/models is no list of models.") from error

    async def aclose(self) -> None:
        """Nothing is held: the session belongs to somebody else."""

    @asynccontextmanager
    async def _stream(
        self, path: str, request: GenerationRequest
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        limit = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=self._silence_s)
        body = encode(body_of(request))
        async with self._answer("POST", path, body, limit, request) as answer:
            if not answer.content_type.startswith("text/event-stream"):
                raise EngineFailed(f"The server answered {answer.content_type}, not a stream.")
            yield answer

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        body: bytes | None,
        limit: aiohttp.ClientTimeout,
        request: GenerationRequest | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer of status 200; leaving it unread closes the connection."""
        url = self._base_url + path
        named = {} if request is None else _identity(request)
        try:
            async with self._session.request(
                method,
                url,
                data=body,
                headers=self._headers | named,
                timeout=limit,
                allow_redirects=False,
            ) as answer:
                if answer.status != 200:
                    said = await bounded(answer, BODY_LIMIT_BYTES)
                    raise error_of_answer(answer.status, said, answer.headers.get("retry-after"))
                yield answer
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            logger.warning("%s cannot be reached: %s", url, error)
            raise NoWorker(self._named(request)) from error
        except TimeoutError as error:
            raise WorkerTimeout(self._silence_s if request is not None else CALL_S) from error
        except (aiohttp.ClientError, ValueError) as error:
            logger.warning("%s broke off: %s", url, str(error) or type(error).__name__)
            raise EngineFailed("The server broke off its answer.") from error

    def _named(self, request: GenerationRequest | None) -> str:
        return request.model if request is not None else ", ".join(self._model_names)


def _identity(request: GenerationRequest) -> dict[str, str]:
    """By what the server's log and spans are found."""
    named = {"x-request-id": request.id}
    if request.traceparent is not None:
        named["traceparent"] = request.traceparent.decode()
    return named


async def _events(answer: aiohttp.ClientResponse) -> AsyncGenerator[Event, None]:
    """What the stream says, up to its [DONE]. Comments and other fields are passed over."""
    received = 0
    async with aclosing(messages(answer, b"\n", rest_matters=False)) as lines:
        async for line in lines:
            received += len(line) + 1
            if received > ANSWER_LIMIT_BYTES:
                raise ValueError(f"an answer of more than {ANSWER_LIMIT_BYTES} bytes")
            field, _, value = line.partition(b":")
            value = value.strip()
            if field != b"data" or not value:
                continue
            if value == b"[DONE]":
                return
            yield _event(value)


def _event(value: bytes) -> Event:
    try:
        return msgspec.json.decode(value, type=Event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"an event that is no chunk: {error}") from error


async def _chunks(events: AsyncIterator[Event]) -> AsyncGenerator[Chunk, None]:
    """The end is held back: the usage comes after it."""
    usage = Usage()
    finish: FinishReason | None = None
    async for event in events:
        if event.error is not None:
            raise error_of_event(event.error)
        usage = usage_of(event.usage, before=usage)
        for choice in event.choices or ():
            finish = finish_of(choice) or finish
            chunk = chunk_of(choice, usage)
            if chunk.text or chunk.reasoning or chunk.tool_calls or chunk.logprobs:
                yield chunk
    if finish is None:
        raise EngineFailed("The stream ended before its answer did.")
    yield Chunk(usage=usage, finish_reason=finish)
