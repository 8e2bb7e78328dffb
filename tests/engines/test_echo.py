import pytest

from fastchat.core.errors import ContextOverflow
from fastchat.core.generation import Chat, Message, collect
from fastchat.engines.echo import EchoEngine, Options, create
from tests.engines.requests import ask, chat


async def test_the_last_user_message_comes_back_word_by_word(echo: EchoEngine) -> None:
    talk = chat("Hello.", "Hi.", "How  are\nyou?")
    chunks = [chunk async for chunk in echo.generate(ask(talk))]
    assert [chunk.text for chunk in chunks] == ["How", " are", " you?", ""]
    assert chunks[-1].finish_reason == "stop"
    assert chunks[-1].usage.prompt_tokens == 5


async def test_who_says_nothing_hears_nothing(echo: EchoEngine) -> None:
    talk = Chat((Message(role="system", content="Be kind."),))
    answer = await collect(echo.generate(ask(talk)))
    assert (answer.text, answer.finish_reason) == ("", "stop")


async def test_words_come_at_the_pace_asked_for() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    engine = EchoEngine(Options(first_chunk_s=2.0, pace_s=0.5), sleep)
    await collect(engine.generate(ask("one two three")))
    assert slept == [2.0, 0.5, 0.5]


async def test_the_answer_fills_the_context_and_no_more() -> None:
    engine = create(Options(context_length=5))
    answer = await collect(engine.generate(ask("one two three")))
    assert (answer.text, answer.finish_reason) == ("one two", "length")
    with pytest.raises(ContextOverflow):
        await collect(engine.generate(ask(chat("one two three four five"))))


async def test_an_answer_of_just_the_length_wanted_is_whole(echo: EchoEngine) -> None:
    answer = await collect(echo.generate(ask("one two", max_tokens=2)))
    assert (answer.text, answer.finish_reason) == ("one two", "stop")
