"""A chat whose server goes away: what was cut goes on, what was not answered is asked again."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

import pytest

from fastchat.core.errors import EngineFailed, NoWorker, OutOfMemory, PlatformError, Unsupported
from fastchat.core.generation import Chunk, GenerationRequest
from fastchat.terminal.chat.persisting import MOST_BREAKS, PATIENCE_S, PersistingEngine
from tests.scripted import ScriptedEngine
from tests.terminal.chat.talks import chat

WHOLE = "ASSISTANT: one two three"


@dataclass
class Leaving(ScriptedEngine):
    """Its server says so many words, then what `failures` name in turn; at last all that is left
    of the answer."""

    failures: list[PlatformError] = field(default_factory=list)
    words_before: int = 0

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        self.asked.append(request)
        said = len((request.resumed or "").split())
        if self.failures and said <= self.words_before:
            for word in self.words[said : self.words_before]:
                yield Chunk(text=word)
        if self.failures:
            raise self.failures.pop(0)
        for word in self.words[said:]:
            yield Chunk(text=word)
        yield Chunk(finish_reason="stop")


@dataclass
class Patience:
    now: float = 0.0
    told: list[str] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    async def sleep(self, pause_s: float) -> None:
        self.now += pause_s


async def said_by(engine: Leaving, patience: Patience | None = None) -> list[str]:
    waits = patience or Patience()
    loop, said = chat(["hi"], PersistingEngine(engine, waits.told.append, waits.clock, waits.sleep))
    await loop.run()
    return said[:-1]


async def test_an_answer_that_was_cut_goes_on_where_it_was() -> None:
    engine = Leaving(failures=[EngineFailed("cut"), NoWorker("m"), NoWorker("m")], words_before=2)
    patience = Patience()
    assert await said_by(engine, patience) == [WHOLE]
    assert [request.resumed for request in engine.asked] == [None, *["one two"] * 3]
    assert engine.asked[-1].continue_from == "one two"
    assert len(patience.told) == 1


async def test_a_question_without_an_answer_is_asked_again() -> None:
    engine = Leaving(failures=[NoWorker("m")] * 5)
    assert await said_by(engine) == [WHOLE]
    assert {request.resumed for request in engine.asked} == {None}


async def test_who_cannot_go_on_in_the_middle_leaves_the_cut_to_see() -> None:
    engine = Leaving(failures=[EngineFailed("cut"), Unsupported("no", model="m")], words_before=2)
    assert await said_by(engine) == ["ASSISTANT: one two", "error: cut"]


@pytest.mark.parametrize(
    ("failure", "asked"),
    [
        (lambda: OutOfMemory("full"), 1),
        (lambda: EngineFailed("broken"), MOST_BREAKS),
        (lambda: NoWorker("m", retry_after_s=10), PATIENCE_S / 10 + 1),
    ],
)
async def test_nobody_is_asked_for_ever(failure: Callable[[], PlatformError], asked: float) -> None:
    engine = Leaving(failures=[failure() for _ in range(1000)])
    assert (await said_by(engine))[-1].startswith("error: ")
    assert len(engine.asked) == asked
