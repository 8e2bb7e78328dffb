import asyncio
import json
from contextlib import aclosing

import pytest

from fastchat.core.chat import Chat, Message, Tool
from fastchat.core.errors import EngineFailed, OutOfMemory
from fastchat.core.generation import GenerationRequest, collect
from fastchat.engines.scripted import MARKS, Options, ScriptedEngine, answer
from tests.engines.requests import ask, chat


def engine(**options: object) -> ScriptedEngine:
    return ScriptedEngine(Options(names=("m",), **options))  # type: ignore[arg-type]  # by name


async def whole(one: ScriptedEngine, request: GenerationRequest) -> str:
    return (await collect(one.generate(request))).text


async def test_the_answer_depends_on_the_prompt_and_on_nothing_else() -> None:
    talk = chat("How are you?")
    first = await whole(engine(), ask(talk))
    assert first == await whole(engine(seed=5), ask(talk, temperature=1.0))
    assert first == answer("user: How are you?", 64)
    assert first != await whole(engine(), ask(chat("How are you")))


async def test_no_token_can_be_lost_or_doubled_unseen() -> None:
    tokens = answer("hi", 50).split()
    assert all(tokens[i] != tokens[i + 1] for i in range(49))


@pytest.mark.parametrize("length", [1, 10, 100, len(answer("hi", 64))])
async def test_a_continued_answer_is_the_one_that_was_begun(length: int) -> None:
    uncut = answer("hi", 64)
    rest = await collect(engine().generate(ask("hi", continue_from=uncut[:length])))
    assert uncut[:length] + rest.text == uncut
    assert rest.finish_reason == "stop"


async def test_tokens_come_at_the_pace_asked_for() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    one = ScriptedEngine(Options(first_token_s=2.0, tokens_per_s=4.0), sleep)
    await whole(one, ask(max_tokens=3))
    assert slept == [2.0, 0.25, 0.25]


async def test_a_failure_comes_before_its_token() -> None:
    chunks = engine().generate(ask("[[http500 2]]"))
    said = [(await anext(chunks)).text for _ in range(2)]
    assert "".join(said) == answer("[[http500 2]]", 2)
    with pytest.raises(EngineFailed):
        await anext(chunks)
    with pytest.raises(OutOfMemory):
        await whole(engine(), ask("[[oom]]"))


async def test_a_death_is_a_death() -> None:
    deaths: list[str] = []
    one = ScriptedEngine(Options(), die=lambda: deaths.append("dead"))
    async with aclosing(one.generate(ask("[[die 1]]"))) as chunks:
        await anext(chunks)
        assert not deaths
        await anext(chunks)
    assert deaths == ["dead"]


async def test_who_stalls_can_still_be_left() -> None:
    one = engine()
    chunks = one.generate(ask("[[stall 1]]"))
    await anext(chunks)
    waiting = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0)
    assert (waiting.done(), one.running) == (False, 1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert one.running == 0


async def test_what_no_engine_can_do_is_asked_for_by_a_mark() -> None:
    assert MARKS["cut"] in await whole(engine(), ask("[[cut]]"))
    assert MARKS["malformed"] in await whole(engine(), ask("[[malformed]]"))


async def test_who_offers_a_tool_gets_a_call_and_then_what_it_said() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"minimum": 1}}}
    user, tool = Message(role="user", content="Rain?"), Tool(name="weather", parameters=schema)
    one = engine()
    called = await collect(one.generate(ask(Chat((user,), (tool,)))))
    (call,) = called.tool_calls
    assert (called.text, called.finish_reason, call.name) == ("", "tool_calls", "weather")
    assert json.loads(call.arguments)["city"] == "Paris"
    told = Message(role="tool", content="17 degrees", tool_call_id=call.id)
    said = await collect(one.generate(ask(Chat((user, told), (tool,)))))
    assert (said.text, said.finish_reason) == ("The tool says: 17 degrees", "stop")
