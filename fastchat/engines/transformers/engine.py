"""Batched where the model and the request allow it, one by one where they do not."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

from fastchat.core.attended import EngineLoad
from fastchat.core.errors import (
    ContextOverflow,
    EngineFailed,
    InvalidRequest,
    OutOfRange,
    Unsupported,
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
from fastchat.core.lanes import Lane
from fastchat.core.mailbox import Doorbell, Mailbox
from fastchat.engines.transformers.adapters import Adapters
from fastchat.engines.transformers.admission import Room
from fastchat.engines.transformers.answer import Answer, Token
from fastchat.engines.transformers.decoder import Detokenizer
from fastchat.engines.transformers.delivery import Sink
from fastchat.engines.transformers.embedding import Embedder
from fastchat.engines.transformers.guide import Guide
from fastchat.engines.transformers.loading import Loaded
from fastchat.engines.transformers.manager import Batcher
from fastchat.engines.transformers.options import Options
from fastchat.engines.transformers.sampling import Chooser
from fastchat.engines.transformers.scoring import Scorer
from fastchat.engines.transformers.single import Singles, Task
from fastchat.engines.transformers.vocabulary import Vocabulary
from fastchat.model.writing import read

logger = logging.getLogger(__name__)

T = TypeVar("T")
Tokens = Sequence[Token]

_FEATURES: frozenset[Feature] = frozenset(
    [
        "token_prompt",
        "logprobs",
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
_GUIDED: frozenset[Feature] = frozenset(
    ["json_schema", "guided_regex", "guided_choice", "guided_grammar"]
)
# Beside the batch, this many are answered one by one.
SINGLES = 2
_AT_ONCE = 4096


class TransformersEngine:
    def __init__(
        self,
        options: Options,
        loaded: Loaded,
        batcher: Batcher | None,
        embedder: Embedder,
        scorer: Scorer | None,
        adapters: Adapters,
        *,
        context_length: int,
    ) -> None:
        self._options = options
        self._batcher = batcher
        self._embedder = embedder
        self._scorer = scorer
        self._vocabulary = Vocabulary(loaded.tokenizer, loaded.model)  # before the ends are gone
        alone = SINGLES if batcher else max(SINGLES, options.slots)
        self._singles = Singles(
            loaded.model,
            alone,
            adapters,
            apart=batcher is not None,
            in_pieces=loaded.in_pieces,
        )
        self._beside_batch = Lane(alone) if batcher else None
        self._adapters = adapters
        adapters.hook(loaded.model)  # last: the others were copied without hooks
        self._has_encoder = bool(loaded.model.config.is_encoder_decoder)
        self._context_length = context_length
        self._room = Room(batcher.cache_tokens, batcher.page) if batcher else None
        # One thread: tokenizers are not made for several, and there is nothing to win.
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="tokenizer")
        self._open: set[Mailbox[Tokens]] = set()
        self._bell: Doorbell | None = None
        self._told = False
        self._closed = False

    @property
    def model_names(self) -> Sequence[str]:
        """Those of the model itself first."""
        return (*self._options.names, *self._adapters.names)

    @property
    def adapters(self) -> Sequence[str]:
        return self._adapters.names

    async def add_adapter(self, name: str, source: str) -> None:
        await self._adapters.add(name, source)

    async def remove_adapter(self, name: str) -> None:
        self._adapters.remove(name)

    @property
    def features(self) -> frozenset[Feature]:
        found = set(_FEATURES)
        found |= {"echo_with_logprobs"} if self._scorer else set()
        guided = self._vocabulary.guides.can_guide
        if guided:
            found |= _GUIDED
        if self._vocabulary.has_chat_template:
            found |= {"chat", "tools"}
            found |= {"tool_choice"} if guided else set()
            found |= {"reasoning_effort"} if self._vocabulary.manner.thinks else set()
        return frozenset(found)

    @property
    def context_length(self) -> int:
        return self._context_length

    @property
    def load(self) -> EngineLoad:
        """Of the batch."""
        return self._room.load if self._room else EngineLoad()

    async def count_tokens(self, prompt: Prompt) -> int:
        return len(await self._ids(prompt))

    async def tokenize(self, text: str) -> Sequence[int]:
        """The tokens that `generate` makes of a text prompt."""
        return await self._ids(text)

    async def detokenize(self, token_ids: Sequence[int]) -> str:
        self._vocabulary.check("tokens", token_ids)
        return await self._beside(lambda: self._vocabulary.decode(token_ids))

    async def render(self, chat: Chat) -> str:
        if not self._vocabulary.has_chat_template:
            raise Unsupported(["chat"], model=self.model_names[0])
        return self._vocabulary.render(chat)

    def lane(self, request: GenerationRequest) -> Lane | None:
        return self._beside_batch if _is_repeatable(request) else None

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        missing = required_features(request) - self.features
        if missing:
            raise Unsupported(missing, model=request.model)
        self._vocabulary.check("logit_bias", request.sampling.logit_bias)
        self._vocabulary.check("stop_token_ids", request.stop_token_ids)
        text = await self.render(request.prompt) if isinstance(request.prompt, Chat) else None
        written = self._written(request, text)
        reader = None if text is None else self._vocabulary.manner.reader(request, text)
        said = written if reader is None else read(written, reader)
        async with aclosing(written), aclosing(said):
            async for chunk in said:
                yield chunk

    async def _written(
        self, request: GenerationRequest, text: str | None
    ) -> AsyncGenerator[Chunk, None]:
        """`text` is the rendered chat."""
        if text is None:
            prompt = await self._ids(request.prompt, request.continue_from)
        else:
            prompt = await self._encoded(
                self._vocabulary.manner.continued(text, request.continue_from), bare=True
            )
        answer = self._answer(request, prompt)
        if request.prompt_logprobs is not None:
            assert self._scorer is not None  # as `generate` checked
            yield await self._scorer.chunk(request, prompt, self._vocabulary)
        if request.max_tokens == 0:
            return
        chooser = self._chooser(request, prompt)
        chooser.guide = await self._guide(request, text)
        batched = self._batcher is not None and not _is_repeatable(request)
        if not batched:
            self._say_once()
        mailbox = self._mailbox()
        self._open.add(mailbox)
        way = self._in_batch if batched else self._alone
        try:
            async with way(answer, chooser, prompt, mailbox):
                while True:
                    tokens = _all(await mailbox.take())
                    answer.cached_tokens = chooser.cached_tokens
                    for token in tokens:
                        chunk = answer.read(token)
                        if chunk is None:
                            continue
                        if chooser.guide is not None and chooser.guide.failed:
                            param = chooser.guide.param
                            raise InvalidRequest(
                                f"{param}: this cannot be enforced: the grammar outgrew its limits",
                                param=param,
                            )
                        yield chunk
                        if chunk.finish_reason is not None:
                            return
        finally:
            self._open.discard(mailbox)
            mailbox.close()

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        return await self._embedder.embed(texts)

    async def aclose(self) -> None:
        """Ends what runs, with an error to its readers, and frees the memory."""
        self._closed = True
        for mailbox in self._open:
            mailbox.fail(EngineFailed("The engine was closed."))
            mailbox.close()
        if self._batcher is not None:
            await asyncio.to_thread(self._batcher.close)
        await asyncio.to_thread(self._singles.close)
        await self._embedder.aclose()
        if self._scorer is not None:
            await self._scorer.aclose()
        self._aside.shutdown(wait=False)

    def _mailbox(self) -> Mailbox[Tokens]:
        loop = asyncio.get_running_loop()
        if self._bell is None or self._bell.loop is not loop:
            self._bell = Doorbell(loop)
        return Mailbox(loop, self._bell.soon)

    def _answer(self, request: GenerationRequest, prompt: Sequence[int]) -> Answer:
        least = 1 if request.prompt_logprobs is None else 0
        if request.max_tokens is not None and request.max_tokens < least:
            raise OutOfRange(f"max_tokens must be at least {least}", param="max_tokens")
        if not prompt:
            raise InvalidRequest("The prompt is empty.", param="prompt")
        left = self.context_length - len(prompt)
        if left < 1:
            param = "messages" if isinstance(request.prompt, Chat) else "prompt"
            raise ContextOverflow(len(prompt), self.context_length, param=param)
        return Answer(
            request,
            Detokenizer(self._vocabulary.decode, () if self._has_encoder else prompt),
            ends=self._vocabulary.ends.union(request.stop_token_ids),
            prompt_tokens=len(prompt),
            most_tokens=left if request.max_tokens is None else min(left, request.max_tokens),
            raw=self._vocabulary.raw,
        )

    async def _guide(self, request: GenerationRequest, text: str | None) -> Guide | None:
        wanted = self._vocabulary.manner.wanted(request, text)
        if wanted is None:
            return None
        return await asyncio.to_thread(self._vocabulary.guides.guide, wanted)

    def _chooser(self, request: GenerationRequest, prompt: Sequence[int]) -> Chooser:
        seed = self._options.seed if request.sampling.seed is None else request.sampling.seed
        return Chooser(request.sampling, prompt, request.logprobs, seed)

    @asynccontextmanager
    async def _in_batch(
        self, answer: Answer, chooser: Chooser, prompt: Sequence[int], mailbox: Mailbox[Tokens]
    ) -> AsyncIterator[None]:
        assert self._batcher is not None
        assert self._room is not None
        batcher = self._batcher
        most = min(answer.most_tokens, self._room.tokens - len(prompt))
        model = answer.request.model
        async with self._room.held(len(prompt) + most), self._adapters.held(model) as adapter:
            sink = Sink(chooser, mailbox.put, mailbox.fail)
            request_id = batcher.submit(sink, prompt, most, sorted(answer.ends), adapter)
            try:
                yield
            finally:
                batcher.cancel(request_id)

    @asynccontextmanager
    async def _alone(
        self, answer: Answer, chooser: Chooser, prompt: Sequence[int], mailbox: Mailbox[Tokens]
    ) -> AsyncIterator[None]:
        if self._closed:
            raise EngineFailed("The engine is closed.")
        async with self._adapters.held(answer.request.model) as adapter:
            future = self._singles.submit(
                Task(
                    chooser=chooser,
                    adapter=adapter,
                    prompt=prompt,
                    most_tokens=answer.most_tokens,
                    ends=sorted(answer.ends),
                    put=mailbox.put,
                    fail=mailbox.fail,
                    left=lambda: mailbox.closed,
                )
            )
            try:
                yield
            finally:
                future.cancel()

    def _say_once(self) -> None:
        if not self._told and self._batcher is not None:
            self._told = True
            logger.info("requests with a seed are answered outside the batch, %d at once", SINGLES)

    async def _ids(self, prompt: Prompt, said: str = "") -> tuple[int, ...]:
        """With the answer so far behind it: the turn is still open."""
        if isinstance(prompt, tuple):
            if said:
                raise Unsupported(["continuation of token ids"], model=self.model_names[0])
            self._vocabulary.check("prompt", prompt)
            return prompt
        is_chat = isinstance(prompt, Chat)
        text = (await self.render(prompt) if isinstance(prompt, Chat) else prompt) + said
        return await self._encoded(text, bare=is_chat)

    async def _encoded(self, text: str, *, bare: bool) -> tuple[int, ...]:
        return await self._beside(lambda: self._vocabulary.encode(text, bare=bare), len(text))

    async def _beside(self, work: Callable[[], T], size: int = 0) -> T:
        """Long texts would hold up everybody's tokens."""
        if size < _AT_ONCE:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._aside, work)


def _is_repeatable(request: GenerationRequest) -> bool:
    """In a batch, the neighbours change the last digits of what is computed."""
    return request.sampling.seed is not None


def _all(batches: Sequence[Tokens]) -> Sequence[Token]:
    return [token for batch in batches for token in batch]
