"""One conversation: what was said, and the verbs of a user. Knows no Gradio and no HTTP."""

import asyncio
import math
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal

from fastchat.core.chat import Image, Text
from fastchat.core.errors import EngineFailed, InvalidRequest, OutOfRange, PlatformError
from fastchat.core.generation import (
    Chat,
    Engine,
    FinishReason,
    GenerationRequest,
    Message,
    Sampling,
)
from fastchat.webui.pacing import paced
from fastchat.webui.pictures import Blind, fit

Vote = Literal["upvote", "downvote", "flag"]

# As in 0.2.36.
INPUT_CHARACTERS = 12_000
MOST_TURNS = 50
TEMPERATURE, TOP_P, MAX_TOKENS = (0.0, 1.0), (0.0, 1.0), (16, 2048)

ANSWER_CHARACTERS = 200_000
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the controls beside a conversation say. The values come from a browser: anything may be
    in them."""

    model: str
    system: str = ""
    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = 1024

    def __post_init__(self) -> None:
        _text("model", self.model, 256)
        _text("system", self.system, INPUT_CHARACTERS)
        if not self.model:
            raise InvalidRequest("no model is chosen.", param="model")
        _within("temperature", self.temperature, TEMPERATURE)
        _within("top_p", self.top_p, TOP_P)
        _within("max_tokens", self.max_tokens, MAX_TOKENS)


@dataclass(kw_only=True, slots=True)
class Turn:
    """A question and what became of its answer."""

    question: str
    settings: Settings
    pictures: tuple[str, ...] = ()
    answer: str = ""
    finish: FinishReason | None = None
    fault: PlatformError | None = None
    votes: set[Vote] = field(default_factory=set)


@dataclass(kw_only=True, slots=True, eq=False)
class Session:
    """`sees` tells of a model whether it can be asked with a picture; None: it is away, and whoever
    answers then says so, or refuses the picture.

    `ask`, `regenerate` and `edit` yield whenever there is something new to show, a few times a
    second at most. Whoever stops reading them stops the answer; so does the next verb, if it asks
    anything."""

    engine: Engine
    new_id: Callable[[], str]
    sees: Callable[[str], bool | None] = lambda _: True
    conversation_id: str = ""
    turns: list[Turn] = field(default_factory=list)
    stored: int = 0  # so many of them the history has, as they are
    is_kept: bool = False  # the history has had it: what is not there any more was deleted
    keeping: asyncio.Lock = field(default_factory=asyncio.Lock)
    _writing: "asyncio.Task[None] | None" = None

    @property
    def is_busy(self) -> bool:
        return self._writing is not None

    @property
    def size(self) -> int:
        """Characters that are kept."""
        return sum(len(turn.question) + len(turn.answer) for turn in self.turns) + sum(
            map(len, self.pictures)
        )

    @property
    def pictures(self) -> Sequence[str]:
        return _pictures(self.turns)

    async def ask(
        self, question: str, settings: Settings, pictures: tuple[str, ...] = ()
    ) -> AsyncGenerator[None, None]:
        question = _cleaned(question)
        if not question and not pictures:
            await self.over()  # Enter in an empty box
            return
        await self.stop()
        self.admit(settings.model, pictures, after=len(self.turns))
        self.conversation_id = self.conversation_id or self.new_id()
        self.turns.append(Turn(question=question, settings=settings, pictures=pictures))
        async with aclosing(self._answer()) as news:
            async for _ in news:
                yield

    async def regenerate(self, index: int, settings: Settings) -> AsyncGenerator[None, None]:
        """Answer the turn again; what came after it is dropped."""
        if not 0 <= index < len(self.turns):
            return
        async with aclosing(self.edit(index, self.turns[index].question, settings)) as news:
            async for _ in news:
                yield

    async def edit(
        self, index: int, question: str, settings: Settings
    ) -> AsyncGenerator[None, None]:
        """Ask something else at that turn, about the same pictures; what came after it is
        dropped."""
        await self.stop()
        pictures = self.turns[index].pictures if 0 <= index < len(self.turns) else ()
        if 0 <= index < len(self.turns) and (_cleaned(question) or pictures):
            self.admit(settings.model, pictures, after=index)
            del self.turns[index:]
            self.stored = min(self.stored, index)
            async with aclosing(self.ask(question, settings, pictures)) as news:
                async for _ in news:
                    yield

    async def stop(self) -> None:
        """End the running answer, if there is one; what it said stays."""
        # Another verb that waited as well may have begun the next one.
        while (writing := self._writing) is not None:
            writing.cancel()
            await asyncio.wait({writing})
            if self._writing is writing:
                self._writing = None

    async def over(self) -> None:
        """When the running answer has ended, if there is one."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

    def admit(self, model: str, pictures: Sequence[str], *, after: int) -> None:
        """A question with these pictures after so many turns. What is refused is refused before
        anything is changed."""
        if after >= MOST_TURNS:
            raise InvalidRequest(
                f"A conversation has at most {MOST_TURNS} turns: start a new one.", param="turns"
            )
        shown = [*_pictures(self.turns[:after]), *pictures]
        fit(shown)
        if shown and self.sees(model) is False:
            raise Blind(model)

    async def clear(self) -> None:
        await self.stop()
        self.turns.clear()
        self.conversation_id, self.stored, self.is_kept = "", 0, False

    def vote(self, index: int, vote: Vote) -> Sequence[Turn] | None:
        """The conversation up to the turn that was voted on; None when there is nothing to count:
        no such turn, no answer yet, or the same vote again."""
        if not 0 <= index < len(self.turns):
            return None
        turn = self.turns[index]
        if not turn.answer or vote in turn.votes:
            return None
        turn.votes.add(vote)
        return self.turns[: index + 1]

    async def _answer(self) -> AsyncGenerator[None, None]:
        turn = self.turns[-1]
        changed = asyncio.Event()
        writing = asyncio.create_task(self._write(turn, self._request(turn), changed))
        self._writing = writing
        try:
            async with aclosing(paced(writing, changed)) as news:
                async for _ in news:
                    yield
        finally:
            writing.cancel()
            await asyncio.wait({writing})
            if self._writing is writing:
                self._writing = None
        yield

    async def _write(self, turn: Turn, request: GenerationRequest, changed: asyncio.Event) -> None:
        try:
            async with aclosing(self.engine.generate(request)) as chunks:
                async for chunk in chunks:
                    turn.answer += chunk.text
                    turn.finish = chunk.finish_reason
                    if chunk.text:
                        changed.set()
                    if len(turn.answer) > ANSWER_CHARACTERS:
                        raise EngineFailed("The answer does not come to an end.")
            if turn.finish is None:
                raise EngineFailed("The engine stopped without saying why.")
        except PlatformError as fault:
            turn.fault = fault

    def _request(self, turn: Turn) -> GenerationRequest:
        settings = turn.settings
        return GenerationRequest(
            id=self.new_id(),
            model=settings.model,
            prompt=Chat(tuple(_messages(self.turns, settings.system))),
            max_tokens=settings.max_tokens,
            sampling=replace(
                Sampling(), temperature=settings.temperature, top_p=settings.top_p or 1.0
            ),
        )


def _pictures(turns: Sequence[Turn]) -> list[str]:
    return [picture for turn in turns for picture in turn.pictures]


def _messages(turns: Sequence[Turn], system: str) -> list[Message]:
    """The last turn is the one to be answered; earlier ones count when something was answered."""
    said = [Message(role="system", content=system)] if system.strip() else []
    for turn in turns[:-1]:
        if turn.answer:
            said.append(_asked(turn))
            said.append(Message(role="assistant", content=turn.answer))
    return [*said, _asked(turns[-1])]


def _asked(turn: Turn) -> Message:
    if not turn.pictures:
        return Message(role="user", content=turn.question)
    text = (Text(turn.question),) if turn.question else ()
    return Message(role="user", content=(*map(Image, turn.pictures), *text))


def _cleaned(question: str) -> str:
    """Half a character, which a browser may send, is written nowhere: it becomes a mark."""
    units = question[:INPUT_CHARACTERS].encode("utf-16-le", "surrogatepass")
    return units.decode("utf-16-le", "replace").strip()


def _text(name: str, value: object, most: int) -> None:
    if not isinstance(value, str) or len(value) > most:
        raise InvalidRequest(f"{name} is no text of up to {most} characters.", param=name)
    if _HALF.search(value):
        raise InvalidRequest(f"{name} has half a character in it.", param=name)


def _within(name: str, value: object, bounds: tuple[float, float]) -> None:
    low, high = bounds
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidRequest(f"{name} is no number.", param=name)
    if not low <= value <= high:
        raise OutOfRange(f"{name} must be between {low:g} and {high:g}.", param=name)
