"""An engine that does what a test tells it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field

from fastchat.core.generation import (
    Chat,
    Chunk,
    Feature,
    FinishReason,
    GenerationRequest,
    Prompt,
    TokenLogprob,
    Usage,
)
from fastchat.core.lanes import Lane


@dataclass
class ScriptedEngine:
    """Says `words`, one a chunk. With `held` it waits for the event before each from `held_from`
    on; `failure` is raised before the word number `fails_at`. `lanes` are by the seed."""

    words: Sequence[str] = ("one", " two", " three")
    features: frozenset[Feature] = frozenset(
        ["chat", "token_prompt", "logprobs", "json_schema", "seed", "stop_token_ids"]
    )
    model_names: Sequence[str] = ("m",)
    context_length: int = 100
    finish: FinishReason | None = "stop"
    held: asyncio.Event | None = None
    held_from: int = 0
    failure: Exception | None = None
    fails_at: int = 0
    lanes: Mapping[int | None, Lane] = field(default_factory=dict)
    asked: list[GenerationRequest] = field(default_factory=list)
    running: int = 0
    closed: bool = False

    def lane(self, request: GenerationRequest) -> Lane | None:
        return self.lanes.get(request.sampling.seed)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        self.asked.append(request)
        self.running += 1
        try:
            for i, word in enumerate(self.words):
                if self.held is not None and i >= self.held_from:
                    await self.held.wait()
                if self.failure is not None and i == self.fails_at:
                    raise self.failure
                yield self._chunk(request, i, word)
        finally:
            self.running -= 1

    async def count_tokens(self, prompt: Prompt) -> int:
        return len((await self.render(prompt) if isinstance(prompt, Chat) else str(prompt)).split())

    async def render(self, chat: Chat) -> str:
        """ChatML, with a system message of its own."""
        messages = [(message.role, message.text) for message in chat.messages]
        if messages[0][0] != "system":
            messages.insert(0, ("system", "Be kind."))
        said = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in messages)
        return f"{said}<|im_start|>assistant\n"

    async def aclose(self) -> None:
        self.closed = True

    def _chunk(self, request: GenerationRequest, index: int, word: str) -> Chunk:
        last = index == len(self.words) - 1
        token = TokenLogprob(token=word, raw=word.encode(), logprob=-0.5)
        return Chunk(
            text=word,
            usage=Usage(prompt_tokens=7, completion_tokens=index + 1),
            finish_reason=self.finish if last else None,
            logprobs=() if request.logprobs is None else (token,),
        )
