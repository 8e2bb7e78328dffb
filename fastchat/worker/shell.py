"""What the worker promises for every engine: checks, a slot, one terminal item, a clean end."""

import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

from fastchat.core.abilities import Abilities, abilities
from fastchat.core.attended import EngineLoad, TellsLoad
from fastchat.core.errors import (
    ContextOverflow,
    DeadlinePassed,
    EngineFailed,
    PlatformError,
    UnknownModel,
    Unsupported,
)
from fastchat.core.generation import (
    Adapts,
    Chat,
    Chunk,
    ContextBound,
    CountsTokens,
    Embeddings,
    Embeds,
    Engine,
    Feature,
    GenerationRequest,
    Prompt,
    Ranking,
    RendersChat,
    Reranks,
    joined,
    required_features,
)
from fastchat.core.lanes import HasLanes
from fastchat.core.redaction import redacted
from fastchat.core.resuming import resuming
from fastchat.model.context import context_length_of
from fastchat.model.template import NamedTemplate
from fastchat.model.writing import read
from fastchat.protocol.cluster import WorkerLoad
from fastchat.worker.admission import Admission
from fastchat.worker.figures import Course, WorkerFigures
from fastchat.worker.meter import Meter
from fastchat.worker.template import TemplateFacts
from fastchat.worker.under_way import UnderWay

# Bytes for each token of the context, above which the beginning of a text is counted first.
FAR_TOO_LONG = 8

logger = logging.getLogger("model_worker")


@dataclass(frozen=True, slots=True)
class Shell:
    """Wraps an engine. `stream_interval` is the number of tokens in one chunk that leaves."""

    engine: Engine
    admission: Admission
    stream_interval: int
    template: NamedTemplate | None = None
    meter: Meter = field(default_factory=lambda: Meter(time.monotonic))
    figures: WorkerFigures = field(default_factory=WorkerFigures)
    template_facts: TemplateFacts = field(default_factory=TemplateFacts)
    under_way: UnderWay = field(default_factory=UnderWay)
    log_prompts: bool = False

    def ready(self, request: GenerationRequest) -> GenerationRequest:
        """As the engine gets it. Raises `UnknownModel` or `Unsupported`; asks for no slot yet."""
        self.check_model(request.model)
        if missing := required_features(request) - self.features:
            raise Unsupported(missing, model=request.model)
        return request if self.template is None else self.template.rendered(request)

    @property
    def features(self) -> frozenset[Feature]:
        return self.engine.features if self.template is None else self.template.features

    def abilities(self) -> dict[str, Abilities]:
        """Of each model."""
        return {
            name: abilities(self.engine, self.features, name) for name in self.engine.model_names
        }

    @property
    def context_bound(self) -> int | None:
        """None where the engine does not say."""
        return self.engine.context_length if isinstance(self.engine, ContextBound) else None

    async def count_tokens(self, prompt: Prompt) -> int:
        if not isinstance(self.engine, CountsTokens):
            raise Unsupported(["token counts"], model=self.engine.model_names[0])
        if self.template is not None and isinstance(prompt, Chat):
            prompt = self.template.prompt(prompt)
        return await self.engine.count_tokens(prompt)

    async def prompt(self, request: GenerationRequest) -> Prompt:
        """Exactly what the model reads, as text or as token ids, of a request that is `ready`."""
        prompt = request.prompt
        if isinstance(prompt, Chat):
            if not isinstance(self.engine, RendersChat):
                raise Unsupported(["render"], model=request.model)
            prompt = await self.engine.render(prompt)
        return prompt if isinstance(prompt, tuple) else prompt + request.continue_from

    async def _log_prompt(self, request: GenerationRequest) -> None:
        """As the model reads it, if the engine tells; without what looks like a secret."""
        prompt, facts = request.prompt, self.template_facts
        if not isinstance(prompt, Chat) or isinstance(self.engine, RendersChat):
            prompt = await self.prompt(request)
        told = {
            "request_id": request.id,
            "model": request.model,
            "template": f"{facts.name} {facts.digest}".strip(),
            "prompt": redacted(_as_text(prompt)),
        }
        logger.info("request %s asks: %r", request.id, told["prompt"], extra=told)

    async def _check_length(self, prompt: Prompt) -> None:
        """Refuse what cannot fit before it waits for a slot. What has fewer bytes than the context
        has tokens may be counted by the engine, later; what is far too long is not counted whole.
        """
        limit = context_length_of(self.engine)
        if isinstance(prompt, Chat) and len(prompt.messages) > limit:
            raise ContextOverflow(len(prompt.messages), limit, or_more=True)
        size = _size_bytes(prompt)
        if size < limit or not isinstance(self.engine, CountsTokens):
            return
        param = "messages" if isinstance(prompt, Chat) else "prompt"
        if size > FAR_TOO_LONG * limit and not isinstance(prompt, tuple):
            least = await self.engine.count_tokens(_beginning(prompt, FAR_TOO_LONG * limit))
            if least > limit:
                raise ContextOverflow(least, limit, param=param, or_more=True)
        tokens = await self.count_tokens(prompt)
        if tokens >= limit:
            raise ContextOverflow(tokens, limit, param=param)

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Raises `UnknownModel`, or `Unsupported` when this engine has no vectors to give."""
        self.check_model(model)
        is_adapter = isinstance(self.engine, Adapts) and model in self.engine.adapters
        if is_adapter or not isinstance(self.engine, Embeds):
            raise Unsupported(["embeddings"], model=model)
        async with self.admission.slot():
            return await self.engine.embed(texts)

    async def rerank(self, model: str, query: str, documents: Sequence[str]) -> Ranking:
        """Raises `UnknownModel`, or `Unsupported` when this engine compares no texts."""
        self.check_model(model)
        if not isinstance(self.engine, Reranks):
            raise Unsupported(["rerank"], model=model)
        async with self.admission.slot():
            return await self.engine.rerank(query, documents)

    def check_model(self, model: str) -> None:
        if model not in self.engine.model_names:
            raise UnknownModel(model, self.engine.model_names)

    def generate(
        self,
        request: GenerationRequest,
        *,
        begun: Callable[[], None] | None = None,
        until: float | None = None,
    ) -> AsyncGenerator[Chunk, None]:
        """Chunks, the last with a `finish_reason`; or a `PlatformError`. `begun` is called when the
        request has its slot. After `until`, by the clock of the admission, it is `DeadlinePassed`.
        """
        run = partial(self._generated, begun=begun, until=until)
        return resuming(run, self.count_tokens)(request)

    async def _generated(
        self,
        request: GenerationRequest,
        *,
        begun: Callable[[], None] | None,
        until: float | None,
    ) -> AsyncGenerator[Chunk, None]:
        reader = None if self.template is None else self.template.reader(request)
        request = self.ready(request)
        if self.log_prompts:
            await self._log_prompt(request)
        course = Course(self.figures, self.admission.clock)
        await self._check_length(request.prompt)
        lane = self.engine.lane(request) if isinstance(self.engine, HasLanes) else None
        async with (
            self.admission.slot(until=until, lane=lane),
            aclosing(_guarded(self.engine, request)) as written,
            aclosing(written if reader is None else read(written, reader)) as chunks,
            aclosing(_batched(chunks, self.stream_interval)) as batches,
        ):
            if begun is not None:
                begun()
            try:
                async for chunk in batches:
                    if until is not None and self.admission.clock() >= until:
                        raise DeadlinePassed
                    self.meter.add(course.fresh(chunk.usage))
                    yield chunk
            finally:
                course.end()

    @property
    def engine_load(self) -> EngineLoad:
        """By its own account."""
        return self.engine.load if isinstance(self.engine, TellsLoad) else EngineLoad()

    @property
    def queue_length(self) -> int:
        """Requests running and waiting: here, or by the engine's own account, which may be asked by
        others as well."""
        told = self.engine_load
        return max(self.admission.queue_length, told.running + told.waiting)

    def load(self) -> WorkerLoad:
        told = self.engine_load
        return WorkerLoad(
            running=max(self.admission.running, told.running),
            waiting=self.admission.waiting + told.waiting,
            cache_usage=told.cache_usage,
            slots=self.admission.slots,
            completion_tokens=self.meter.tokens,
            tokens_per_s=round(self.meter.tokens_per_s(), 1),
        )


def _size_bytes(prompt: Prompt) -> int:
    """A token stands for one byte at least; a token id for itself."""
    if isinstance(prompt, Chat):
        return sum(len(message.text.encode()) for message in prompt.messages)
    return len(prompt.encode()) if isinstance(prompt, str) else len(prompt)


def _as_text(prompt: Prompt) -> str:
    if isinstance(prompt, Chat):
        return "\n".join(f"{one.role}: {one.content}" for one in prompt.messages)
    return prompt if isinstance(prompt, str) else f"{len(prompt)} token ids"


def _beginning(prompt: str | Chat, size: int) -> str:
    texts = (prompt,) if isinstance(prompt, str) else (m.text for m in prompt.messages)
    return "".join(texts)[:size]


async def _guarded(engine: Engine, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
    chunks = engine.generate(request)
    try:
        async for chunk in chunks:
            yield chunk
            if chunk.finish_reason is not None:
                return
    except PlatformError:
        raise
    except Exception as error:
        logger.exception("request %s: the engine failed", request.id)
        raise EngineFailed("The engine failed; the worker's log has the details.") from error
    finally:
        await chunks.aclose()
    raise EngineFailed("The engine stopped without saying why.")


async def _batched(chunks: AsyncGenerator[Chunk, None], interval: int) -> AsyncGenerator[Chunk]:
    """The first chunk at once, then one for every `interval` tokens, and the last."""
    held: Chunk | None = None
    sent_tokens = 0
    async for chunk in chunks:
        held = chunk if held is None else joined([held, chunk])
        fresh = held.usage.completion_tokens - sent_tokens
        if held.finish_reason is not None or sent_tokens == 0 or fresh >= interval:
            sent_tokens = held.usage.completion_tokens
            yield held
            held = None
