"""A chat whose user is a list."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from fastchat.core.generation import Engine
from fastchat.terminal.chat.commands import Talk
from fastchat.terminal.chat.loop import ChatLoop
from fastchat.terminal.chat.partner import Partner
from tests.scripted import ScriptedEngine


@dataclass
class Typist:
    """A style: types `questions` one after the other, and keeps what it is told."""

    questions: Iterator[str]
    told: list[str] = field(default_factory=list)

    async def ask(self, role: str) -> str:
        for question in self.questions:
            return question
        raise EOFError

    async def stream(self, role: str, pieces: AsyncIterator[str]) -> None:
        self.told.append(f"{role}: ")
        async for piece in pieces:
            self.told[-1] += piece

    def show(self, role: str, text: str) -> None:
        self.told.append(f"{role}: {text}")

    def say(self, text: str) -> None:
        self.told.append(text)


def partner(engine: Engine | None = None, **options: Any) -> Partner:
    numbers = count(1)
    return Partner(engine=engine or ScriptedEngine(), new_id=lambda: f"r{next(numbers)}", **options)


def chat(
    questions: Sequence[str],
    engine: Engine | None = None,
    *,
    of: Partner | None = None,
    **loop: Any,
) -> tuple[ChatLoop, list[str]]:
    """The loop and what its user is told."""
    asked = of or partner(engine)
    typist = Typist(iter(questions))
    talk = Talk(partner=asked, style=typist, conversation=asked.new_conversation())
    ticks = count(0.0, 0.5)
    return ChatLoop(talk=talk, clock=lambda: next(ticks), **loop), typist.told
