"""Says what it was told, word by word: to try the platform without a model, and to test it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from fastchat.core.errors import ContextOverflow, OutOfRange, Unsupported
from fastchat.core.generation import (
    Chat,
    Chunk,
    Feature,
    FinishReason,
    GenerationRequest,
    Prompt,
    Usage,
    required_features,
)
from fastchat.core.stop_strings import StopStrings

Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """A token is a word. `first_chunk_s` passes before the first, `pace_s` before each other."""

    names: Sequence[str] = ("echo",)
    context_length: int = 4096
    first_chunk_s: float = 0.0
    pace_s: float = 0.0


def create(options: Options) -> "EchoEngine":
    return EchoEngine(options)


class EchoEngine:
    # The same words every time: that a seed makes answers repeatable is true.
    features: frozenset[Feature] = frozenset(["chat", "seed", "continuation"])

    def __init__(self, options: Options, sleep: Sleep = asyncio.sleep) -> None:
        self._options = options
        self._sleep = sleep

    @property
    def model_names(self) -> Sequence[str]:
        return self._options.names

    @property
    def context_length(self) -> int:
        return self._options.context_length

    async def count_tokens(self, prompt: Prompt) -> int:
        return sum(len(text.split()) for text in _texts(prompt, self.model_names[0]))

    async def render(self, chat: Chat) -> str:
        return "\n".join(f"{message.role}: {message.text}" for message in chat.messages)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        missing = required_features(request) - self.features
        if missing:
            raise Unsupported(missing, model=request.model)
        prompt_tokens = await self.count_tokens(request.prompt)
        words = _left(_last_words(request.prompt, request.model), request.continue_from)
        room = self._room(request, prompt_tokens)
        stop = StopStrings([text for text in request.stop if text])
        finish: FinishReason = "length" if room < len(words) else "stop"
        spoken = 0
        for word in words[:room]:
            await self._sleep(self._options.pace_s if spoken else self._options.first_chunk_s)
            text = stop.push(word)
            spoken += 1
            if stop.found:
                yield Chunk(text=text, usage=_usage(prompt_tokens, spoken), finish_reason="stop")
                return
            if text:
                yield Chunk(text=text, usage=_usage(prompt_tokens, spoken))
        usage = _usage(prompt_tokens, spoken)
        yield Chunk(text=stop.rest(), usage=usage, finish_reason=finish)

    async def aclose(self) -> None:
        """Nothing is held."""

    def _room(self, request: GenerationRequest, prompt_tokens: int) -> int:
        if request.max_tokens is not None and request.max_tokens < 1:
            raise OutOfRange("max_tokens must be at least 1", param="max_tokens")
        left = self.context_length - prompt_tokens
        if left < 1:
            param = "messages" if isinstance(request.prompt, Chat) else "prompt"
            raise ContextOverflow(prompt_tokens, self.context_length, param=param)
        return left if request.max_tokens is None else min(left, request.max_tokens)


def _texts(prompt: Prompt, model: str) -> Iterator[str]:
    if isinstance(prompt, Chat):
        yield from (message.text for message in prompt.messages)
    elif isinstance(prompt, str):
        yield prompt
    else:
        raise Unsupported(["token_prompt"], model=model)


def _last_words(prompt: Prompt, model: str) -> Sequence[str]:
    if isinstance(prompt, Chat):
        said = [message.text for message in prompt.messages if message.role == "user"]
        return said[-1].split() if said else []
    return " ".join(_texts(prompt, model)).split()


def _left(words: Sequence[str], said_before: str) -> Sequence[str]:
    """The pieces of the answer that were not said yet."""
    pieces = [f" {word}" if number else word for number, word in enumerate(words)]
    skip = len(said_before)
    left = []
    for piece in pieces:
        if skip < len(piece):
            left.append(piece[skip:])
        skip = max(0, skip - len(piece))
    return left


def _usage(prompt_tokens: int, spoken: int) -> Usage:
    return Usage(prompt_tokens=prompt_tokens, completion_tokens=spoken)
