"""llama.cpp's slots behind the engine protocol: each running request has a thread and a slot."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
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
from fastchat.engines.llama_cpp.body import check_known, check_token_ids, completion_body
from fastchat.engines.llama_cpp.grammars import Grammars
from fastchat.engines.llama_cpp.job import Job
from fastchat.engines.llama_cpp.server import Server
from fastchat.engines.llama_cpp.side_door import SideDoor
from fastchat.model.infilling import Infilling
from fastchat.model.writing import Manner, read

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
        "guided_regex",
        "guided_choice",
        "guided_grammar",
    ]
)
_CHAT_FEATURES: frozenset[Feature] = frozenset(["chat", "tools", "tool_choice"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """What was loaded. `chat_template` is its source; `default_seed` is for requests that bring
    none; `infilling` how it is asked for what stands between two texts, if it knows that."""

    names: Sequence[str]
    context_length: int
    vocabulary_size: int
    chat_template: str | None
    default_seed: int | None
    infilling: Infilling | None = None


class LlamaCppEngine:
    def __init__(self, server: Server, side_door: SideDoor, model: Model, *, slots: int) -> None:
        self._server: Server | None = server
        self._side_door = side_door
        self._model = model
        self._grammars = Grammars()
        self._manner = Manner.of(model.chat_template or "")
        # As many threads as slots: who waits for a slot waits here, and can be forgotten here.
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix="llama_cpp")
        self._open: set[Mailbox[Chunk]] = set()

    @property
    def model_names(self) -> Sequence[str]:
        return self._model.names

    @property
    def features(self) -> frozenset[Feature]:
        found = set(_FEATURES)
        if self._model.infilling is not None:
            found.add("suffix")
        if self._model.chat_template is not None:
            found |= _CHAT_FEATURES
            found |= {"reasoning_effort"} if self._manner.thinks else set()
        return frozenset(found)

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
        check_known("tokens", token_ids, self._model.vocabulary_size)
        return await self._side_door.detokenize(token_ids)

    async def render(self, chat: Chat) -> str:
        if self._model.chat_template is None:
            raise Unsupported(["chat"], model=self.model_names[0])
        return await self._side_door.render(self._manner.told(chat))

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        self._check(request)
        prompt = self._filled(request, await self._rendered(request.prompt))
        chunks = self._written(request, prompt)
        reader = self._manner.reader(request, prompt) if isinstance(prompt, str) else None
        said = chunks if reader is None else read(chunks, reader)
        async with aclosing(chunks), aclosing(said):
            async for chunk in said:
                yield chunk

    async def _written(
        self, request: GenerationRequest, prompt: str | tuple[int, ...]
    ) -> AsyncGenerator[Chunk, None]:
        job = await self._job(request, prompt)
        if self._server is None:
            raise EngineFailed("The engine is closed.")
        mailbox = job.mailbox
        future = self._threads.submit(job.run, self._server, self._grammars)
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

    def _check(self, request: GenerationRequest) -> None:
        missing = required_features(request) - self.features
        if missing:
            raise Unsupported(missing, model=request.model)
        check_token_ids(request, self._model.vocabulary_size)

    async def _job(self, request: GenerationRequest, prompt: str | tuple[int, ...]) -> Job:
        await self._check_stop_tokens(request.stop_token_ids)
        wanted = self._manner.wanted(request, prompt if isinstance(prompt, str) else None)
        body = completion_body(
            request,
            self._continued(request, prompt),
            context_length=self.context_length,
            default_seed=self._model.default_seed,
            wanted=wanted,
            marks=self._manner.marks(request),
        )
        return Job(request, body, Mailbox(asyncio.get_running_loop()), wanted)

    def _continued(
        self, request: GenerationRequest, prompt: str | tuple[int, ...]
    ) -> str | tuple[int, ...]:
        """The prompt with the answer so far behind it: the turn is still open."""
        if not request.continue_from:
            return prompt
        if isinstance(prompt, tuple):
            raise Unsupported(["continuation of token ids"], model=request.model)
        if isinstance(request.prompt, Chat):
            return self._manner.continued(prompt, request.continue_from)
        return prompt + request.continue_from

    def _filled(
        self, request: GenerationRequest, prompt: str | tuple[int, ...]
    ) -> str | tuple[int, ...]:
        infilling = self._model.infilling
        if request.suffix is None or infilling is None:
            return prompt
        if isinstance(prompt, tuple):
            raise Unsupported(["suffix of token ids"], model=request.model)
        return infilling.prompt(prompt, request.suffix)

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
