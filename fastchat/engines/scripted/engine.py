"""Token number `i` of an answer depends on the prompt and on `i` only, so that whoever reads it can
tell whether one was lost, doubled or out of place. Who offers tools gets a call of one."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from hashlib import blake2b
from random import Random

from fastchat.core.chat import Image
from fastchat.core.errors import ContextOverflow, EngineFailed, OutOfMemory, OutOfRange, Unsupported
from fastchat.core.generation import (
    Chat,
    Chunk,
    Feature,
    FinishReason,
    GenerationRequest,
    Message,
    Prompt,
    TokenLogprob,
    Usage,
    required_features,
)
from fastchat.core.pictures import mark_of
from fastchat.core.stop_strings import StopStrings
from fastchat.engines.scripted.calling import answer_with_tools
from fastchat.engines.scripted.faults import MARKS, Fault, Faults
from fastchat.model.writing import Manner, read

_FEATURES: frozenset[Feature] = frozenset(
    [
        "chat",
        "token_prompt",
        "logprobs",
        "seed",
        "continuation",
        "tools",
        "tool_choice",
        "vision",
        "audio",
    ]
)
_MANNER = Manner.of("")
_WORDS = re.compile(r"\s*\S+|\s+")

_SYLLABLES = [
    "ba",
    "be",
    "bi",
    "bo",
    "da",
    "de",
    "di",
    "do",
    "ka",
    "ke",
    "ki",
    "ko",
    "la",
    "le",
    "li",
    "lo",
]


@dataclass(frozen=True, kw_only=True)
class Options:
    """A token is a word. 0 tokens a second is no pacing."""

    names: Sequence[str] = ("scripted",)
    context_length: int = 4096
    answer_tokens: int = 64
    first_token_s: float = 0.0
    tokens_per_s: float = 0.0
    faults: tuple[str, ...] = ()
    fault_schedule: tuple[str, ...] = ()
    slow_s: float = 10.0
    seed: int | None = None


def create(options: Options) -> "ScriptedEngine":
    return ScriptedEngine(options)


def answer(prompt: str, count: int) -> str:
    """What the engine says to a rendered prompt, in so many tokens."""
    return "".join(_token(prompt, index) for index in range(count))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(slots=True)
class ScriptedEngine:
    options: Options
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    die: Callable[[], None] = _die
    running: int = 0
    _faults: Faults = field(init=False)

    def __post_init__(self) -> None:
        options = self.options
        self._faults = Faults.parse(options.faults, options.fault_schedule, Random(options.seed))

    @property
    def features(self) -> frozenset[Feature]:
        return _FEATURES

    @property
    def model_names(self) -> Sequence[str]:
        return self.options.names

    @property
    def context_length(self) -> int:
        return self.options.context_length

    async def count_tokens(self, prompt: Prompt) -> int:
        return len((await self._rendered(prompt)).split())

    async def render(self, chat: Chat) -> str:
        """A picture is a word of its own, so that an answer depends on it as well."""
        return "\n".join(f"{message.role}: {_said(message)}" for message in chat.messages)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        missing = required_features(request) - self.features
        if missing:
            raise Unsupported(missing, model=request.model)
        prompt = await self._rendered(request.prompt)
        room = self._room(request, prompt)
        fault = self._faults.next(prompt, continued=bool(request.continue_from))
        self.running += 1
        written = self._chunks(request, prompt, room, fault)
        reader = _MANNER.reader(request, prompt)
        said = written if reader is None else read(written, reader)
        try:
            async with aclosing(written), aclosing(said):
                async for chunk in said:
                    yield chunk
                    if chunk.finish_reason is not None:
                        return
        finally:
            self.running -= 1

    async def aclose(self) -> None:
        """Nothing is held."""

    async def _chunks(
        self, request: GenerationRequest, prompt: str, room: int, fault: Fault | None
    ) -> AsyncGenerator[Chunk, None]:
        stop = StopStrings([text for text in request.stop if text])
        prompt_tokens = len(prompt.split())
        tokens = list(self._tokens(request, prompt))
        ended: FinishReason = "length" if room < len(tokens) else "stop"
        if not tokens:
            yield Chunk(usage=Usage(prompt_tokens=prompt_tokens), finish_reason=ended)
        for said, (index, token) in enumerate(tokens[:room], start=1):
            await self._pace(first=said == 1)
            shown = stop.push(await self._struck(fault, index, token))
            last = stop.found or said == min(room, len(tokens))
            yield Chunk(
                text=shown + (stop.rest() if last else ""),
                usage=Usage(prompt_tokens=prompt_tokens, completion_tokens=said),
                finish_reason=("stop" if stop.found else ended) if last else None,
                logprobs=() if request.logprobs is None else (_logprob(token),),
            )

    def _tokens(self, request: GenerationRequest, prompt: str) -> Iterator[tuple[int, str]]:
        """What is left of the whole answer, numbered."""
        skip = len(request.continue_from)
        for index, token in enumerate(self._whole(request, prompt)):
            if skip < len(token):
                yield index, token[skip:]
            skip = max(0, skip - len(token))

    def _whole(self, request: GenerationRequest, prompt: str) -> Sequence[str]:
        chat = request.prompt
        if isinstance(chat, Chat) and (said := answer_with_tools(chat)) is not None:
            return _WORDS.findall(said)
        return [_token(prompt, index) for index in range(self.options.answer_tokens)]

    async def _pace(self, *, first: bool) -> None:
        rate = self.options.tokens_per_s
        await self.sleep(self.options.first_token_s if first else 1 / rate if rate else 0)

    async def _struck(self, fault: Fault | None, index: int, token: str) -> str:
        """The token, unless the fault strikes before it."""
        if fault is None or index != fault.at:
            return token
        match fault.name:
            case "slow":
                await self.sleep(self.options.slow_s)
            case "stall":
                await asyncio.Event().wait()
            case "die":
                self.die()
            case "http500":
                raise EngineFailed("The scripted engine failed, as it was told to.")
            case "oom":
                raise OutOfMemory("The scripted engine has no memory left, as it was told.")
            case _:
                return MARKS[fault.name]
        return token

    async def _rendered(self, prompt: Prompt) -> str:
        if isinstance(prompt, Chat):
            return await self.render(prompt)
        return prompt if isinstance(prompt, str) else " ".join(map(str, prompt))

    def _room(self, request: GenerationRequest, prompt: str) -> int:
        if request.max_tokens is not None and request.max_tokens < 1:
            raise OutOfRange("max_tokens must be at least 1", param="max_tokens")
        used = len(prompt.split()) + len(request.continue_from.split())
        left = self.context_length - used
        if left < 1:
            param = "messages" if isinstance(request.prompt, Chat) else "prompt"
            raise ContextOverflow(used, self.context_length, param=param)
        return left if request.max_tokens is None else min(left, request.max_tokens)


def _said(message: Message) -> str:
    seen = "".join(f"[{mark_of(part.url)}] " for part in message.parts if isinstance(part, Image))
    return seen + message.text


def _token(prompt: str, index: int) -> str:
    drawn = blake2b(f"{index} {prompt}".encode(errors="replace"), digest_size=3).digest()
    word = "".join(_SYLLABLES[byte % len(_SYLLABLES)] for byte in drawn)
    return f" {word}" if index else word


def _logprob(token: str) -> TokenLogprob:
    return TokenLogprob(token=token, raw=token.encode(), logprob=-0.5)
