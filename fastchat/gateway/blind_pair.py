"""`model: "arena"`: two models answer one request, as its two choices, and no name is said."""

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import get_args

from fastchat.arena.battle import Battle, Side
from fastchat.core.chat import Image
from fastchat.core.errors import InvalidRequest, PlatformError, Unsupported
from fastchat.core.generation import (
    Chat,
    Chunk,
    Engine,
    Feature,
    GenerationRequest,
    Prompt,
    required_features,
)
from fastchat.core.pictures import mark_of
from fastchat.protocol.codec import decode
from fastchat.protocol.openai.requests import ChatRequest, changed

NAME = "arena"
CHAT = "/v1/chat/completions"
Pair = tuple[str, str]

# What has no two texts to be voted on, or what one model can and another cannot.
_NOT_HERE: frozenset[Feature] = frozenset(
    ["audio", "continuation", "logprobs", "suffix", "token_prompt", "tool_choice", "tools"]
)


@dataclass(kw_only=True, slots=True, eq=False)
class BlindPair:
    """An engine for one request. `draw` names left and right, for questions with pictures or
    without; `keep` hears of the battle once both answers are whole, `lost` that they will not
    be."""

    id: str
    engine: Engine
    draw: Callable[[bool], Pair]
    keep: Callable[[Battle], None]
    lost: Callable[[], None]
    wall_clock: Callable[[], float]
    _pair: Pair | None = None
    _began_s: float = 0.0
    _said: list[str] = field(default_factory=list)
    _whole: set[int] = field(default_factory=set)
    _is_lost: bool = False

    @property
    def model_names(self) -> Sequence[str]:
        return [NAME]

    @property
    def features(self) -> frozenset[Feature]:
        return frozenset(get_args(Feature)) - _NOT_HERE

    def rewritten(self, path: str, body: bytes) -> tuple[str, bytes]:
        """Two choices are wanted, whatever was asked for; their id is the battle's."""
        if path != CHAT:
            raise InvalidRequest(f"The model {NAME!r} answers {CHAT} only.", param="model")
        if decode(body, ChatRequest).n not in (None, 2):
            raise InvalidRequest(
                f"The model {NAME!r} answers with two choices: leave `n` out.", param="n"
            )
        return self.id, changed(body, n=2)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        """Called twice, once a side: the left one first."""
        if missing := required_features(request) - self.features:
            raise Unsupported(missing, model=NAME)
        if self._pair is None:
            self._pair = self.draw(bool(_pictures(request.prompt)))
            self._began_s = self.wall_clock()
        side, pair = len(self._said), self._pair
        self._said.append("")
        try:
            answer = self.engine.generate(replace(request, model=pair[side]))
            async with aclosing(answer) as chunks:
                async for chunk in chunks:
                    self._said[side] += chunk.text
                    if chunk.finish_reason is not None:
                        self._end(side, request.prompt)
                    yield chunk
        except PlatformError as error:
            error.message = _unnamed(error.message, pair)
            # Without its cause: that a worker was lost says nothing about the arena.
            raise error from None
        finally:
            if side not in self._whole:
                self._lose()

    async def aclose(self) -> None:
        """Nothing is held."""

    def _end(self, side: int, prompt: Prompt) -> None:
        self._whole.add(side)
        if len(self._whole) < 2:
            return
        if not all(said.strip() for said in self._said):
            self._lose()
            return
        assert self._pair is not None
        left, right = (
            Side(model=model, answers=(said,))
            for model, said in zip(self._pair, self._said, strict=True)
        )
        self.keep(
            Battle(
                id=self.id,
                kind="api",
                began_s=self._began_s,
                finished_s=self.wall_clock(),
                questions=_questions(prompt),
                left=left,
                right=right,
                pictures=_pictures(prompt),
            )
        )

    def _lose(self) -> None:
        if not self._is_lost:
            self._is_lost = True
            self.lost()


def _questions(prompt: Prompt) -> tuple[str, ...]:
    if not isinstance(prompt, Chat):
        return (str(prompt),)
    return tuple(message.text for message in prompt.messages if message.role == "user")


def _pictures(prompt: Prompt) -> tuple[str, ...]:
    messages = prompt.messages if isinstance(prompt, Chat) else ()
    parts = (part for message in messages for part in message.parts)
    return tuple(mark_of(part.url) for part in parts if isinstance(part, Image))


def _unnamed(text: str, pair: Pair) -> str:
    for name in pair:
        text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", "(a model of this battle)", text)
    return text
