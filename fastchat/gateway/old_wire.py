"""Requests for whoever does not speak OpenAI's dialect: workers of 0.2.36, providers, two models in
a battle. They are translated here, both ways.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from msgspec.structs import replace

from fastchat.client import WorkerFault
from fastchat.core.errors import EngineFailed, PlatformError, Unsupported
from fastchat.core.fanout import Generate
from fastchat.core.generation import Chunk, CountsTokens, Embeds, Engine, GenerationRequest, Usage
from fastchat.core.resuming import resuming
from fastchat.protocol.cluster import WorkerEntry
from fastchat.protocol.codec import decode, encode
from fastchat.protocol.counts import HEADER, comment, written
from fastchat.protocol.error_body import ErrorBody, error_event, error_headers
from fastchat.protocol.openai import embeddings
from fastchat.protocol.openai.completion import COMPLETIONS, SSE_HEADERS
from fastchat.relay import UpstreamFault
from fastchat.relay.connection import Receiver
from fastchat.relay.work import Header

logger = logging.getLogger("openai_api_server")

Headers = tuple[Header, ...]

JSON: Headers = ((b"content-type", b"application/json"),)
EVENTS: Headers = (
    (b"content-type", b"text/event-stream"),
    *((name.encode(), value.encode()) for name, value in SSE_HEADERS.items()),
)


@runtime_checkable
class Rewrites(Protocol):
    """An engine that answers another request than the one it was asked, under an id of its own."""

    def rewritten(self, path: str, body: bytes) -> tuple[str, bytes]: ...


@dataclass(frozen=True, slots=True)
class OldWire:
    """`engine` speaks with a worker of the table; `wall_clock` counts seconds since 1970."""

    engine: Callable[[WorkerEntry], Engine]
    wall_clock: Callable[[], float]

    def ask(
        self,
        receiver: Receiver,
        path: bytes,
        worker: WorkerEntry,
        *,
        model: str,
        id: str,
        body: bytes,
    ) -> "OldCall":
        engine = self.engine(replace(worker, model_names=(model,)))
        return OldCall(receiver, self._answer(engine, path, id, body))

    async def _answer(
        self, engine: Engine, path: bytes, id: str, body: bytes
    ) -> AsyncGenerator[Headers | bytes, None]:
        """The headers first, when it is known that there is an answer."""
        if isinstance(engine, Rewrites):
            id, body = engine.rewritten(path.decode(), body)
        if path == b"/v1/embeddings":
            whole = await _embedded(engine, body)
            yield JSON
            yield whole
            return
        if path.decode() not in COMPLETIONS:
            raise Unsupported([path.decode().rpartition("/")[2]], model=engine.model_names[0])
        completion = COMPLETIONS[path.decode()](body, id, int(self.wall_clock()))
        counted = Counted(engine.generate)
        generate: Generate = counted.generate
        if isinstance(engine, CountsTokens):
            generate = resuming(generate, engine.count_tokens)
        if not completion.plan.stream:
            whole = await completion.whole(generate)
            yield (*JSON, (HEADER.encode(), written(counted.total).encode()))
            yield whole
            return
        async with aclosing(completion.events(generate)) as events:
            first = await anext(events)
            yield EVENTS
            yield first
            async for event in events:
                yield event
        yield comment(counted.total)


@dataclass(slots=True)
class Counted:
    """Keeps the tokens of all choices, for whoever accounts for them."""

    _generate: Generate
    _usages: list[Usage] = field(default_factory=list)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        choice = len(self._usages)
        self._usages.append(Usage())
        async with aclosing(self._generate(request)) as chunks:
            async for chunk in chunks:
                self._usages[choice] = chunk.usage
                yield chunk

    @property
    def total(self) -> Usage:
        return Usage(
            prompt_tokens=sum(usage.prompt_tokens for usage in self._usages),
            completion_tokens=sum(usage.completion_tokens for usage in self._usages),
            cached_tokens=sum(usage.cached_tokens for usage in self._usages),
        )


class OldCall:
    """One request to such a worker, as `relay.client.Call` is one to ours."""

    def __init__(self, receiver: Receiver, answer: AsyncGenerator[Headers | bytes, None]) -> None:
        self._receiver: Receiver | None = receiver
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._begun = False
        self._task = asyncio.create_task(self._run(answer))

    def abort(self) -> None:
        """Stop the worker; whoever asked hears nothing more."""
        self._receiver = None
        if self._task is not asyncio.current_task():
            self._task.cancel()

    def pause(self) -> None:
        self._wanted.clear()

    def resume(self) -> None:
        self._wanted.set()

    async def _run(self, answer: AsyncGenerator[Headers | bytes, None]) -> None:
        try:
            async with aclosing(answer):
                async for piece in answer:
                    self._tell(piece)
                    await self._wanted.wait()
        except PlatformError as error:
            self._fail(error)
        except Exception:  # whoever asked must hear of it, whatever it is
            logger.exception("a worker of 0.2.36, or a provider, was not understood")
            self._fail(EngineFailed("The worker's answer could not be read; the log says why."))
        else:
            self._end()

    def _tell(self, piece: Headers | bytes) -> None:
        if self._receiver is None:
            return
        if isinstance(piece, bytes):
            self._receiver.body(piece)
        else:
            self._begun = True
            self._receiver.head(200, list(piece))

    def _end(self) -> None:
        if self._receiver is not None:
            self._receiver.end()

    def _fail(self, error: PlatformError) -> None:
        """A worker that is lost is a fault, so that another can be asked; an error with a meaning
        is an answer, or the last event of one."""
        fault = _upstream_fault(error)
        if self._receiver is None:
            return
        if fault is not None:
            self._receiver.fault(fault)
        elif self._begun:
            self._tell(error_event(error))
            self._end()
        else:
            headers = [(n.encode(), v.encode()) for n, v in error_headers(error).items()]
            self._receiver.head(error.status, headers)
            self._tell(encode(ErrorBody.of(error)))
            self._end()


async def _embedded(engine: Engine, body: bytes) -> bytes:
    asked = decode(body, embeddings.EmbeddingRequest)
    model = engine.model_names[0]
    if not isinstance(engine, Embeds):
        raise Unsupported(["embeddings"], model=model)
    found = await engine.embed(embeddings.texts(asked))
    return await embeddings.written(model, found, asked)


def _upstream_fault(error: PlatformError) -> UpstreamFault | None:
    fault = error.__cause__
    if isinstance(fault, WorkerFault) and fault.kind != "refused":
        return UpstreamFault(fault.kind, answered=False)
    return None
