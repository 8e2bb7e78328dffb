"""What every engine promises. The engines' own tests are beside this file."""

import asyncio
from contextlib import aclosing
from typing import Protocol, get_args

import pytest

from fastchat.core.constraints import JsonSchema
from fastchat.core.errors import ContextOverflow, OutOfRange, Unsupported
from fastchat.core.generation import (
    Chunk,
    ContextBound,
    CountsTokens,
    Engine,
    Feature,
    GenerationRequest,
    RendersChat,
    collect,
)
from fastchat.engines import ENGINES
from tests.engines.requests import STORY, ask, chat


class Talker(Engine, CountsTokens, ContextBound, RendersChat, Protocol):
    """An engine with the abilities that all of ours have."""


async def _chunks(engine: Engine, request: GenerationRequest) -> list[Chunk]:
    return [chunk async for chunk in engine.generate(request)]


def test_the_engines_are_known_by_name() -> None:
    assert {"echo", "llama_cpp"} <= set(ENGINES.names())


def test_an_engine_has_the_abilities_it_seems_to_have(engine: Engine) -> None:
    assert all(isinstance(engine, ability) for ability in (CountsTokens, RendersChat, ContextBound))
    assert engine.model_names == ("m",)
    assert engine.features <= set(get_args(Feature))


async def test_a_stream_ends_once_and_says_why(engine: Engine) -> None:
    chunks = await _chunks(engine, ask(max_tokens=8))
    reasons = [chunk.finish_reason for chunk in chunks]
    assert reasons.pop() == "length"
    assert set(reasons) == {None}


async def test_usage_runs_along(engine: Talker) -> None:
    chunks = await _chunks(engine, ask(chat(STORY), max_tokens=6))
    spoken = [chunk.usage.completion_tokens for chunk in chunks]
    assert spoken == sorted(spoken)
    assert spoken[-1] == 6
    prompt_tokens = await engine.count_tokens(chat(STORY))
    assert {chunk.usage.prompt_tokens for chunk in chunks} == {prompt_tokens}


async def test_the_rendered_chat_is_what_the_engine_reads(engine: Talker) -> None:
    talk = chat("Hello.", "Hi.", "How are you?", system="Be kind.")
    rendered = await engine.render(talk)
    places = [rendered.index(text) for text in ("Be kind.", "Hello.", "Hi.", "How are you?")]
    assert places == sorted(places)


async def test_the_answer_ends_before_the_stop_string(engine: Engine) -> None:
    whole = (await collect(engine.generate(ask(max_tokens=12)))).text
    middle = len(whole) // 2
    stop = whole[middle : middle + 6]
    answer = await collect(engine.generate(ask(max_tokens=12, stop=("never said", stop))))
    assert answer.text == whole[: whole.index(stop)]
    assert answer.finish_reason == "stop"


async def test_an_answer_can_be_continued_from_what_was_said(engine: Engine) -> None:
    chunks = await _chunks(engine, ask(max_tokens=8))
    whole = "".join(chunk.text for chunk in chunks)
    said = "".join(chunk.text for chunk in chunks[:4])
    left = 8 - chunks[3].usage.completion_tokens
    rest = await collect(engine.generate(ask(max_tokens=left, continue_from=said)))
    assert said + rest.text == whole
    assert rest.usage.completion_tokens == left


async def test_text_that_might_have_become_a_stop_string_is_not_lost(engine: Engine) -> None:
    whole = await collect(engine.generate(ask(max_tokens=6)))
    stop = whole.text[-3:] + "\0"
    assert (await collect(engine.generate(ask(max_tokens=6, stop=(stop,))))).text == whole.text


async def test_a_prompt_that_leaves_no_room_is_refused(engine: Talker) -> None:
    prompt = "word " * engine.context_length
    tokens = await engine.count_tokens(prompt)
    with pytest.raises(ContextOverflow) as refusal:
        await collect(engine.generate(ask(prompt)))
    assert refusal.value.prompt_tokens == tokens
    assert refusal.value.context_length == engine.context_length
    assert refusal.value.param == "prompt"


async def test_at_least_one_token_must_be_wanted(engine: Engine) -> None:
    with pytest.raises(OutOfRange):
        await collect(engine.generate(ask(max_tokens=0)))


async def test_what_is_not_declared_is_refused(engine: Engine) -> None:
    wants: dict[Feature, GenerationRequest] = {
        "logprobs": ask(logprobs=1),
        "json_schema": ask(constraint=JsonSchema({})),
        "token_prompt": ask((1, 2, 3)),
        "top_k": ask(top_k=3, temperature=1.0),
        "logit_bias": ask(logit_bias={1: 1.0}),
        "stop_token_ids": ask(stop_token_ids=(1,)),
    }
    for feature, request in wants.items():
        if feature not in engine.features:
            with pytest.raises(Unsupported, match=feature):
                await collect(engine.generate(request))


async def test_a_reader_may_leave_early_and_the_next_is_served(engine: Engine) -> None:
    async with aclosing(engine.generate(ask(max_tokens=200))) as chunks:
        first = await anext(chunks)
    assert first.finish_reason is None
    assert (await collect(engine.generate(ask(max_tokens=3)))).usage.completion_tokens == 3


async def test_a_cancelled_reader_is_cancelled(engine: Engine) -> None:
    reading = asyncio.Event()

    async def read() -> None:
        async for _ in engine.generate(ask(max_tokens=300)):
            reading.set()

    task = asyncio.create_task(read())
    await reading.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_many_are_answered_at_once(engine: Engine) -> None:
    requests = [ask(f"{STORY} {name}", max_tokens=5) for name in ("Ann", "Bob", "Cid", "Dora")]
    answers = await asyncio.gather(*(collect(engine.generate(request)) for request in requests))
    assert [answer.usage.completion_tokens for answer in answers] == [5, 5, 5, 5]
