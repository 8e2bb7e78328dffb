import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import pytest

from fastchat.core.errors import ContextOverflow, EngineFailed, InvalidRequest
from fastchat.core.generation import Chat, Chunk, GenerationRequest, Message
from tests.scripted import ScriptedEngine
from tests.servers import until
from tests.terminal.chat.talks import chat, partner

ANSWER = "ASSISTANT: one two three"


def asked(engine: ScriptedEngine) -> list[list[str]]:
    """What each request said."""
    prompts = [request.prompt for request in engine.asked]
    return [[m.text for m in prompt.messages] for prompt in prompts if isinstance(prompt, Chat)]


async def test_every_question_brings_what_was_said_before() -> None:
    engine = ScriptedEngine()
    loop, told = chat(["a", "b"], engine)
    await loop.run()
    assert told == [ANSWER, ANSWER, "exit..."]
    assert asked(engine) == [["a"], ["a", "one two three", "b"]]
    assert [request.id for request in engine.asked] == ["r1", "r2"]


async def test_without_history_each_question_stands_alone() -> None:
    engine = ScriptedEngine()
    loop, _ = chat(["a", "b"], engine, history=False)
    await loop.run()
    assert asked(engine) == [["a"], ["b"]]


@pytest.mark.parametrize("leaving", ["", "!!exit"])
async def test_an_empty_message_ends_the_chat(leaving: str) -> None:
    loop, told = chat([leaving, "a"])
    await loop.run()
    assert told == ["exit..."]


@dataclass
class Halting(ScriptedEngine):
    """Says one word of its first answer, and then nothing."""

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        async with aclosing(super().generate(request)) as chunks:
            async for chunk in chunks:
                yield chunk
                if len(self.asked) == 1:
                    await asyncio.Event().wait()


async def test_ctrl_c_stops_an_answer_and_keeps_what_was_said() -> None:
    engine = Halting()
    loop, told = chat(["a", "b"], engine)
    running = asyncio.create_task(loop.run())
    await until(lambda: told == ["ASSISTANT: one"])
    loop.interruption.press()
    await running
    assert told == ["ASSISTANT: one", "stopped generation.", ANSWER, "exit..."]
    assert asked(engine) == [["a"], ["a", "one", "b"]]
    assert engine.running == 0


async def test_a_question_without_any_answer_is_taken_back() -> None:
    engine = ScriptedEngine(held=asyncio.Event())
    assert engine.held is not None
    loop, told = chat(["a", "b"], engine)
    running = asyncio.create_task(loop.run())
    await until(lambda: engine.running)
    loop.interruption.press()
    await until(lambda: "stopped generation." in told)
    engine.held.set()
    await running
    assert asked(engine) == [["a"], ["b"]]


async def test_ctrl_c_at_the_prompt_ends_the_chat() -> None:
    loop, told = chat([])
    never = asyncio.Event()

    async def ask(role: str) -> str:
        await never.wait()
        return ""

    loop.talk.style.ask = ask  # type: ignore[method-assign]  # somebody who thinks
    running = asyncio.create_task(loop.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    loop.interruption.press()
    await running
    assert told == ["exit..."]


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (EngineFailed("It broke."), "error: It broke."),
        (ContextOverflow(90, 80), "!!reset all of them"),
        (InvalidRequest("No."), "error: No."),
    ],
)
async def test_an_error_is_told_and_the_chat_goes_on(failure: Exception, says: str) -> None:
    engine = ScriptedEngine(failure=failure)
    loop, told = chat(["a", "b"], engine)
    await loop.run()
    assert says in told[1]
    assert asked(engine) == [["a"], ["b"]]
    assert told[-1] == "exit..."


async def test_what_was_said_before_an_error_stays() -> None:
    engine = ScriptedEngine(failure=EngineFailed("It broke."), fails_at=2)
    loop, _ = chat(["a", "b"], engine)
    await loop.run()
    assert asked(engine)[1] == ["a", "one two", "b"]


async def test_debug_shows_prompt_and_speed() -> None:
    named = partner(template="vicuna_v1.1", system_message="Be brief.")
    loop, told = chat(["a"], of=named, debug=True)
    await loop.run()
    assert told[1] == (
        "\n{'conv_template': 'vicuna_v1.1', 'prompt': 'Be brief. USER: a ASSISTANT:', "
        "'outputs': 'one two three', 'speed (token/s)': 6.0}\n"
    )


async def test_an_answer_that_never_ends_by_itself_is_closed_with_the_loop() -> None:
    engine = ScriptedEngine(held=asyncio.Event())
    loop, _ = chat(["a"], engine)
    running = asyncio.create_task(loop.run())
    await until(lambda: engine.running)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert engine.running == 0


async def test_a_system_message_is_the_first() -> None:
    engine = ScriptedEngine()
    loop, _ = chat(["a"], of=partner(engine, system_message="Be brief."))
    await loop.run()
    prompt = engine.asked[0].prompt
    assert prompt == Chat(
        (Message(role="system", content="Be brief."), Message(role="user", content="a"))
    )
