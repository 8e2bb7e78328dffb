"""A conversation, on engines that do what a test tells them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

import pytest

from fastchat.core.chat import Image, Text
from fastchat.core.errors import EngineFailed, InvalidRequest, NoWorker, OutOfRange
from fastchat.core.generation import Chat, Chunk, Engine, GenerationRequest, Message
from fastchat.engines.echo import EchoEngine, Options
from fastchat.webui.session import INPUT_CHARACTERS, MOST_TURNS, Session, Settings, Turn
from tests.scripted import ScriptedEngine
from tests.servers import until
from tests.webui.drawing import png, url_of

SETTINGS = Settings(model="m", system="Be brief.", temperature=0.5, top_p=0.9, max_tokens=64)


class OneByOne(asyncio.Event):
    """Lets one word pass, and holds the next."""

    async def wait(self) -> Literal[True]:
        await super().wait()
        self.clear()
        return True


@dataclass
class Crowded(ScriptedEngine):
    """Knows how many answers it wrote at once, at most."""

    most: int = 0

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        async with aclosing(super().generate(request)) as chunks:
            self.most = max(self.most, self.running + 1)
            async for chunk in chunks:
                yield chunk


def session_on(engine: Engine) -> Session:
    numbers = count()
    return Session(engine=engine, new_id=lambda: f"id-{next(numbers)}")


async def read(news: AsyncGenerator[None, None]) -> int:
    return len([one async for one in news])


def roles(request: GenerationRequest) -> list[tuple[str, str]]:
    assert isinstance(request.prompt, Chat)
    return [(message.role, message.text) for message in request.prompt.messages]


async def test_a_question_is_answered_with_the_settings_beside_it() -> None:
    engine = ScriptedEngine()
    session = session_on(engine)
    assert await read(session.ask("  hi ", SETTINGS)) >= 1
    turn = session.turns[0]
    assert (turn.question, turn.answer, turn.finish) == ("hi", "one two three", "stop")
    asked = engine.asked[0]
    assert roles(asked) == [("system", "Be brief."), ("user", "hi")]
    assert (asked.max_tokens, asked.sampling.temperature, asked.sampling.top_p) == (64, 0.5, 0.9)


async def test_what_was_said_before_is_sent_along() -> None:
    engine = ScriptedEngine()
    session = session_on(engine)
    await read(session.ask("first", SETTINGS))
    await read(session.ask("second", SETTINGS))
    assert roles(engine.asked[1])[1:] == [
        ("user", "first"),
        ("assistant", "one two three"),
        ("user", "second"),
    ]


async def test_it_stands_on_any_engine() -> None:
    session = session_on(EchoEngine(Options()))
    await read(session.ask("say this again", Settings(model="echo")))
    assert session.turns[0].answer == "say this again"


async def test_the_question_is_shown_before_the_answer_begins() -> None:
    session = session_on(ScriptedEngine(held=asyncio.Event()))
    news = session.ask("hi", SETTINGS)
    await anext(news)
    assert [(turn.question, turn.answer) for turn in session.turns] == [("hi", "")]
    await news.aclose()


async def test_stop_ends_the_engine_and_keeps_what_was_said() -> None:
    held = OneByOne()
    held.set()
    engine = ScriptedEngine(held=held)
    session = session_on(engine)
    reading = asyncio.create_task(read(session.ask("hi", SETTINGS)))
    await until(lambda: session.turns and session.turns[0].answer)
    await session.stop()
    assert engine.running == 0
    await reading
    assert (session.turns[0].answer, session.turns[0].fault) == ("one", None)
    assert not session.is_busy


async def test_nothing_asked_leaves_the_running_answer_alone_until_it_ends() -> None:
    """Enter in an empty box while an answer is written again."""
    held = asyncio.Event()
    session = session_on(ScriptedEngine(held=held, held_from=1))
    reading = asyncio.create_task(read(session.ask("hi", SETTINGS)))
    await until(lambda: session.turns and session.turns[0].answer)
    nothing = asyncio.create_task(read(session.ask("  ", SETTINGS)))
    await asyncio.sleep(0)
    assert not nothing.done()  # the page is busy until then
    held.set()
    await asyncio.gather(reading, nothing)
    assert [turn.answer for turn in session.turns] == ["one two three"]


async def test_who_stops_reading_stops_the_engine() -> None:
    engine = ScriptedEngine(held=asyncio.Event())
    session = session_on(engine)
    news = session.ask("hi", SETTINGS)
    await anext(news)
    await until(lambda: engine.running)
    await news.aclose()
    assert (engine.running, session.is_busy) == (0, False)


async def test_a_new_question_ends_the_running_answer() -> None:
    engine = ScriptedEngine(held=asyncio.Event())
    session = session_on(engine)
    first = asyncio.create_task(read(session.ask("first", SETTINGS)))
    await until(lambda: engine.running)
    assert engine.held is not None
    second = asyncio.create_task(read(session.ask("second", SETTINGS)))
    await until(lambda: len(engine.asked) == 2)
    engine.held.set()
    await asyncio.gather(first, second)
    assert [turn.answer for turn in session.turns] == ["", "one two three"]


async def test_of_many_questions_at_once_one_is_answered_at_a_time() -> None:
    engine = Crowded(held=asyncio.Event())
    session = session_on(engine)
    asking = [asyncio.create_task(read(session.ask(f"{i}", SETTINGS))) for i in range(6)]
    await until(lambda: len(session.turns) == 6 and engine.running)
    assert engine.held is not None
    engine.held.set()
    await asyncio.gather(*asking)
    assert engine.most == 1
    assert [turn.answer for turn in session.turns] == [""] * 5 + ["one two three"]


async def test_stop_does_not_wait_for_who_reads() -> None:
    session = session_on(ScriptedEngine(held=asyncio.Event()))
    news = session.ask("hi", SETTINGS)
    await anext(news)
    await session.stop()
    assert not session.is_busy
    await news.aclose()


async def test_a_question_without_an_answer_is_not_sent_along() -> None:
    engine = ScriptedEngine(failure=NoWorker("m"))
    session = session_on(engine)
    await read(session.ask("lost", SETTINGS))
    engine.failure = None
    await read(session.ask("again", SETTINGS))
    assert roles(engine.asked[1]) == [("system", "Be brief."), ("user", "again")]


async def test_regenerate_asks_the_same_again() -> None:
    engine = ScriptedEngine()
    session = session_on(engine)
    await read(session.ask("first", SETTINGS))
    await read(session.ask("second", SETTINGS))
    engine.words = ["else"]
    await read(session.regenerate(0, SETTINGS))
    assert [(turn.question, turn.answer) for turn in session.turns] == [("first", "else")]
    assert roles(engine.asked[2]) == roles(engine.asked[0])


async def test_edit_asks_something_else_at_that_turn() -> None:
    session = session_on(ScriptedEngine())
    await read(session.ask("first", SETTINGS))
    await read(session.ask("second", SETTINGS))
    await read(session.edit(1, "third", SETTINGS))
    assert [turn.question for turn in session.turns] == ["first", "third"]


@pytest.mark.parametrize("index", [-1, 1, 10**30])
async def test_a_turn_that_is_not_there_changes_nothing(index: int) -> None:
    session = session_on(ScriptedEngine())
    await read(session.ask("first", SETTINGS))
    await read(session.edit(index, "x", SETTINGS))
    await read(session.regenerate(index, SETTINGS))
    assert session.vote(index, "flag") is None
    assert [turn.question for turn in session.turns] == ["first"]


@pytest.mark.parametrize("question", ["", "  \n "])
async def test_an_empty_question_is_not_asked(question: str) -> None:
    engine = ScriptedEngine()
    session = session_on(engine)
    await read(session.ask(question, SETTINGS))
    assert (session.turns, engine.asked) == ([], [])


async def test_a_question_is_cut_as_it_was() -> None:
    session = session_on(ScriptedEngine())
    await read(session.ask("x" * 20_000, SETTINGS))
    assert len(session.turns[0].question) == INPUT_CHARACTERS


async def test_a_conversation_has_an_end() -> None:
    session = session_on(ScriptedEngine())
    session.turns = [Turn(question="q", settings=SETTINGS) for _ in range(MOST_TURNS)]
    with pytest.raises(InvalidRequest, match="start a new one"):
        await read(session.ask("one more", SETTINGS))


async def test_a_fault_stays_with_its_turn_and_its_text() -> None:
    failure = EngineFailed("gone")
    session = session_on(ScriptedEngine(failure=failure, fails_at=2))
    await read(session.ask("hi", SETTINGS))
    assert (session.turns[0].answer, session.turns[0].fault) == ("one two", failure)


async def test_an_answer_without_an_end_is_a_fault() -> None:
    session = session_on(ScriptedEngine(finish=None))
    await read(session.ask("hi", SETTINGS))
    assert isinstance(session.turns[0].fault, EngineFailed)


async def test_an_endless_answer_is_ended() -> None:
    session = session_on(ScriptedEngine(words=["x" * 50_000] * 10))
    await read(session.ask("hi", SETTINGS))
    assert isinstance(session.turns[0].fault, EngineFailed)
    assert session.size < 300_000


async def test_clear_begins_a_new_conversation() -> None:
    session = session_on(ScriptedEngine())
    await read(session.ask("hi", SETTINGS))
    before = session.conversation_id
    await session.clear()
    assert session.turns == []
    await read(session.ask("hi", SETTINGS))
    assert session.conversation_id != before


async def test_a_vote_counts_once_and_not_before_there_is_an_answer() -> None:
    session = session_on(ScriptedEngine())
    await read(session.ask("first", SETTINGS))
    await read(session.ask("second", SETTINGS))
    counted = session.vote(0, "upvote")
    assert counted is not None
    assert [turn.question for turn in counted] == ["first"]
    assert session.vote(0, "upvote") is None
    assert session.vote(0, "flag") is not None
    session.turns.append(Turn(question="third", settings=SETTINGS))
    assert session.vote(2, "upvote") is None


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"model": ""}, InvalidRequest),
        ({"model": 3}, InvalidRequest),
        ({"model": "x" * 300}, InvalidRequest),
        ({"system": ["a"]}, InvalidRequest),
        ({"system": "x" * 20_000}, InvalidRequest),
        ({"temperature": 1.5}, OutOfRange),
        ({"temperature": "hot"}, InvalidRequest),
        ({"temperature": True}, InvalidRequest),
        ({"top_p": float("nan")}, InvalidRequest),
        ({"max_tokens": 10**9}, OutOfRange),
        ({"max_tokens": None}, InvalidRequest),
    ],
)
def test_settings_from_a_browser_are_checked(
    settings: dict[str, object], fault: type[InvalidRequest]
) -> None:
    with pytest.raises(fault):
        Settings(**{"model": "m", **settings})  # type: ignore[arg-type]  # what a browser sends


PICTURE = url_of(png())


def said_to(engine: ScriptedEngine, number: int) -> tuple[Message, ...]:
    """Without the system's."""
    prompt = engine.asked[number].prompt
    assert isinstance(prompt, Chat)
    return prompt.messages[1:]


async def test_a_picture_goes_with_its_question() -> None:
    engine = ScriptedEngine()
    session = session_on(engine)
    await read(session.ask("what is it?", SETTINGS, (PICTURE,)))
    await read(session.ask("sure?", SETTINGS))
    first, _, last = said_to(engine, 1)
    assert first.content == (Image(PICTURE), Text("what is it?"))
    assert last.content == "sure?"


async def test_a_picture_needs_no_words() -> None:
    engine = ScriptedEngine()
    session = session_on(engine)
    await read(session.ask("", SETTINGS, (PICTURE,)))
    assert said_to(engine, 0)[0].content == (Image(PICTURE),)
    await read(session.regenerate(0, SETTINGS))
    await read(session.edit(0, "and now?", SETTINGS))
    assert [turn.pictures for turn in session.turns] == [(PICTURE,)]
    assert said_to(engine, 2)[0].content == (Image(PICTURE), Text("and now?"))


async def test_a_model_that_does_not_see_is_asked_nothing() -> None:
    engine = ScriptedEngine()
    session = session_on(engine)
    session.sees = lambda model: model == "eye"
    with pytest.raises(InvalidRequest, match="does not see pictures"):
        await read(session.ask("what?", SETTINGS, (PICTURE,)))
    assert (session.turns, engine.asked) == ([], [])
    await read(session.ask("what?", replace(SETTINGS, model="eye"), (PICTURE,)))
    with pytest.raises(InvalidRequest, match="does not see pictures"):
        await read(session.edit(0, "else", SETTINGS))
    with pytest.raises(InvalidRequest, match="does not see pictures"):
        await read(session.ask("and?", SETTINGS))
    assert [turn.question for turn in session.turns] == ["what?"]


async def test_a_model_that_is_away_is_not_called_blind() -> None:
    session = session_on(ScriptedEngine(failure=NoWorker("m")))
    session.sees = lambda _: None
    await read(session.ask("what?", SETTINGS, (PICTURE,)))
    assert isinstance(session.turns[0].fault, NoWorker)


async def test_pictures_are_counted_where_they_are_kept() -> None:
    session = session_on(ScriptedEngine(words=["one"]))
    await read(session.ask("hi", SETTINGS, (PICTURE,)))
    assert session.size == len("hi" + "one" + PICTURE)
