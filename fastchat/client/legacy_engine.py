"""A worker of 0.2.36 as an engine: prompts are rendered here, from the template it announces."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import TypeVar

from msgspec import UNSET

from fastchat.client.announced import NOT_FOUND, announced_template
from fastchat.client.whole_text import WholeText
from fastchat.client.worker import WorkerClient, WorkerFault
from fastchat.conversation import Conversation, filled
from fastchat.core.errors import (
    ContextOverflow,
    EngineFailed,
    InvalidRequest,
    NoWorker,
    Unsupported,
    WorkerTimeout,
)
from fastchat.core.generation import (
    Chat,
    Chunk,
    Embeddings,
    Feature,
    GenerationRequest,
    Prompt,
    required_features,
)
from fastchat.protocol.wire import GenerateCall

T = TypeVar("T")

# Texts in one call, as 0.2.36 sends them: its worker answers nothing else meanwhile.
EMBEDDING_BATCH = 4

# Where nobody tells the context, an answer is as long as the pages of 0.2.36 ask for.
UNTOLD_ROOM = 1024


class LegacyEngine:
    """Every error is a `PlatformError`; one that has to do with the worker itself and not with the
    request has a `WorkerFault` for its cause.

    The template is asked for with every request: a worker may come back with another one.
    """

    # What the wire can say. Workers of 0.2.36 ignore some of it; nobody can tell which.
    features: frozenset[Feature] = frozenset(
        [
            "chat",
            "logprobs",
            "top_k",
            "presence_penalty",
            "frequency_penalty",
            "repetition_penalty",
            "stop_token_ids",
            "continuation",
        ]
    )

    def __init__(self, worker: WorkerClient, model_names: Sequence[str], silence_s: float) -> None:
        self.model_names = model_names
        self._worker = worker
        self._silence_s = silence_s

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        missing = required_features(request) - self.features
        if missing:
            raise Unsupported(missing, model=request.model)
        with self._faults(request.model):
            call = await self._call(request)
            said = WholeText(call.max_new_tokens)
            async with aclosing(self._worker.generate(call)) as messages:
                async for message in messages:
                    chunk = said.read(message)
                    if chunk.text or chunk.logprobs or chunk.finish_reason:
                        yield chunk
                    if chunk.finish_reason is not None:
                        return
            yield said.end()

    async def count_tokens(self, prompt: Prompt) -> int:
        model = self.model_names[0]
        with self._faults(model):
            text, _ = await self._rendered(prompt, model)
            return await self._worker.count_tokens(model, text)

    async def render(self, chat: Chat) -> str:
        with self._faults(self.model_names[0]):
            return (await self._rendered(chat, self.model_names[0]))[0]

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Raises `Unsupported` when this worker has no such route, as many have not."""
        model, vectors, tokens = self.model_names[0], [], 0
        with self._faults(model):
            for start in range(0, len(texts), EMBEDDING_BATCH):
                batch = texts[start : start + EMBEDDING_BATCH]
                try:
                    found = await self._worker.embed(model, batch)
                except WorkerFault as fault:
                    if fault.status in (404, 405):
                        raise Unsupported(["embeddings"], model=model) from None
                    raise
                vectors += [v for v in found.embedding if not isinstance(v, str)]
                tokens += found.token_num
        return Embeddings(vectors=vectors, prompt_tokens=tokens)

    async def aclose(self) -> None:
        """The session belongs to whoever opened it."""

    async def _call(self, request: GenerationRequest) -> GenerateCall:
        prompt, template = await self._rendered(request.prompt, request.model)
        prompt += request.continue_from
        room = await self._room(request, prompt)
        sampling = request.sampling
        repetition = sampling.repetition_penalty
        return GenerateCall(
            model=request.model,
            prompt=prompt,
            temperature=sampling.temperature,
            logprobs=request.logprobs,
            top_p=sampling.top_p,
            top_k=sampling.top_k or -1,
            presence_penalty=sampling.presence_penalty,
            frequency_penalty=sampling.frequency_penalty,
            max_new_tokens=room,
            echo=False,
            stop_token_ids=_union(request.stop_token_ids, template.stop_token_ids) or None,
            stop=_union(request.stop, _words(template.stop_str)),
            repetition_penalty=UNSET if repetition == 1 else repetition,
        )

    async def _rendered(self, prompt: Prompt, model: str) -> tuple[str, Conversation]:
        if isinstance(prompt, tuple):
            raise Unsupported(["token_prompt"], model=model)
        template = await self._template(model)
        if isinstance(prompt, str):
            return prompt, template
        try:
            return filled(template, prompt.messages).get_prompt(), template
        except ValueError as error:
            raise InvalidRequest(f"messages: {error}", param="messages") from None

    async def _template(self, model: str) -> Conversation:
        try:
            return await announced_template(self._worker, model)
        except ValueError as error:
            raise EngineFailed(f"The worker's template cannot be used: {error}") from error

    async def _room(self, request: GenerationRequest, prompt: str) -> int:
        """A worker of 0.2.36 keeps one token of the context to itself: asked to fill all of it, it
        drops the first token of the prompt."""
        try:
            count, limit = await asyncio.gather(
                self._worker.count_tokens(request.model, prompt),
                self._worker.context_length(request.model),
            )
        except WorkerFault as fault:
            if fault.status != NOT_FOUND:
                raise
            return request.max_tokens or UNTOLD_ROOM
        room = limit - count - 1
        if room < 1:
            param = "messages" if isinstance(request.prompt, Chat) else "prompt"
            raise ContextOverflow(count, limit, param=param)
        return room if request.max_tokens is None else min(room, request.max_tokens)

    @contextmanager
    def _faults(self, model: str) -> Iterator[None]:
        try:
            yield
        except WorkerFault as fault:
            if fault.kind == "silent":
                raise WorkerTimeout(self._silence_s) from fault
            if fault.kind in ("refused", "malformed"):
                raise EngineFailed(f"The worker failed: {fault}.") from fault
            if fault.kind == "lost":
                raise EngineFailed("The worker died while it answered.") from fault
            raise NoWorker(model) from fault


def _words(stop: str | list[str] | None) -> list[str]:
    return [stop] if isinstance(stop, str) else stop or []


def _union(*groups: Iterable[T] | None) -> list[T]:
    """In order, each once."""
    return list(dict.fromkeys(item for group in groups for item in group or ()))
