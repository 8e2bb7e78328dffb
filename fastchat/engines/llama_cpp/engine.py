"""llama.cpp's slots behind the engine protocol: each running request has a thread and a slot."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fastchat.core.errors import EngineFailed, InvalidRequest, Unsupported
from fastchat.core.generation import (
    Chat,
    Chunk,
    Feature,
    GenerationRequest,
    Prompt,
    joined,
    required_features,
)
from fastchat.core.mailbox import Mailbox
from fastchat.engines.llama_cpp.body import check_token_ids, completion_body
from fastchat.engines.llama_cpp.job import Job
from fastchat.engines.llama_cpp.schemas import Schemas
from fastchat.engines.llama_cpp.server import Server
from fastchat.engines.llama_cpp.side_door import SideDoor

_FEATURES: frozenset[Feature] = frozenset(
    [
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
        "stop_token_ids",
        "continuation",
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """What was loaded. `default_seed` is for requests that bring none."""

    names: Sequence[str]
    context_length: int
    vocabulary_size: int
    has_chat_template: bool
    default_seed: int | None


class LlamaCppEngine:
    def __init__(self, server: Server, side_door: SideDoor, model: Model, *, slots: int) -> None:
        self._server: Server | None = server
        self._side_door = side_door
        self._model = model
        self._schemas = Schemas()
        # As many threads as slots: who waits for a slot waits here, and can be forgotten here.
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="llama_cpp")
        self._open: set[Mailbox[Chunk]] = set()

    @property
    def model_names(self) -> Sequence[str]:
        return self._model.names

    @property
    def features(self) -> frozenset[Feature]:
        return _FEATURES | {"chat"} if self._model.has_chat_template else _FEATURES

    @property
    def context_length(self) -> int:
        return self._model.context_length

    async def count_tokens(self, prompt: Prompt) -> int:
        prompt = await self._rendered(prompt)
        return len(prompt if isinstance(prompt, tuple) else await self.tokenize(prompt))

    async def tokenize(self, text: str) -> Sequence[int]:
        """The tokens that `generate` makes of a text prompt."""
        return await self._side_door.tokenize(text)

    async def detokenize(self, token_ids: Sequence[int]) -> str:
        return await self._side_door.detokenize(token_ids)

    async def render(self, chat: Chat) -> str:
        if not self._model.has_chat_template:
            raise Unsupported(["chat"], model=self.model_names[0])
        return await self._side_door.render(chat)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        body = await self._body(request)
        mailbox: Mailbox[Chunk] = Mailbox(asyncio.get_running_loop())
        job = Job(request, body, mailbox)
        if self._server is None:
            raise EngineFailed("The engine is closed.")
        future = self._threads.submit(job.run, self._server, self._schemas)
        self._open.add(mailbox)
        try:
            while True:
                chunk = joined(await mailbox.take())
                yield chunk
                if chunk.finish_reason is not None:
                    return
        finally:
            self._open.discard(mailbox)
            mailbox.close()
            future.cancel()

    async def aclose(self) -> None:
        """Ends what runs, with an error to its readers, and frees the memory."""
        server, self._server = self._server, None
        for mailbox in self._open:
            mailbox.fail(EngineFailed("The engine was closed."))
            mailbox.close()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        del server  # nobody is in it any more: while somebody is, that would end the process

    async def _body(self, request: GenerationRequest) -> bytes:
        missing = required_features(request) - self.features
        if missing:
            raise Unsupported(missing, model=request.model)
        check_token_ids(request, self._model.vocabulary_size)
        await self._check_stop_tokens(request.stop_token_ids)
        return completion_body(
            request,
            await self._continued(request),
            context_length=self.context_length,
            default_seed=self._model.default_seed,
        )

    async def _continued(self, request: GenerationRequest) -> str | tuple[int, ...]:
        """The prompt with the answer so far behind it: the turn is still open."""
        prompt = await self._rendered(request.prompt)
        if not request.continue_from:
            return prompt
        if isinstance(prompt, tuple):
            raise Unsupported(["continuation of token ids"], model=request.model)
        return prompt + request.continue_from

    async def _rendered(self, prompt: Prompt) -> str | tuple[int, ...]:
        return await self.render(prompt) if isinstance(prompt, Chat) else prompt

    async def _check_stop_tokens(self, token_ids: Sequence[int]) -> None:
        """llama.cpp shows no token that leaves a character incomplete."""
        for id in token_ids:
            if "\N{REPLACEMENT CHARACTER}" in await self.detokenize([id]):
                raise InvalidRequest(
                    f"stop_token_ids: token {id} is a part of a character and cannot end an answer",
                    param="stop_token_ids",
                )
