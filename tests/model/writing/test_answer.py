from collections.abc import AsyncGenerator

import pytest

from fastchat.core.errors import EngineFailed
from fastchat.core.generation import Chunk, FinishReason, TokenLogprob, Usage, collect
from fastchat.model.writing import read
from tests.model.writing.answers import WRITTEN, Written, calls_in, hermes, reader_of


async def stream(*texts: str, finish: FinishReason = "stop") -> AsyncGenerator[Chunk, None]:
    for number, text in enumerate(texts, start=1):
        logprob = TokenLogprob(token=text, raw=text.encode(), logprob=-1)
        yield Chunk(text=text, usage=Usage(completion_tokens=number), logprobs=(logprob,))
    yield Chunk(usage=Usage(completion_tokens=len(texts)), finish_reason=finish)


async def test_an_answer_with_calls_ends_because_of_them() -> None:
    said = await collect(read(stream("See", hermes("time", "{}")), reader_of(WRITTEN[0])))
    assert (said.text, calls_in(said)) == ("See", (("time", "{}"),))
    assert said.finish_reason == "tool_calls"
    assert [token.token for token in said.logprobs] == ["See"]


async def test_whoever_wants_one_call_waits_for_no_second() -> None:
    chunks = stream(hermes("time", "{}"), hermes("time", "{}"))
    said = await collect(read(chunks, reader_of(WRITTEN[0], parallel=False)))
    assert len(said.tool_calls) == 1
    assert said.usage.completion_tokens == 1


async def test_a_call_that_is_cut_off_ends_with_its_length() -> None:
    half = stream('<tool_call>{"name": "time", "argum', finish="length")
    said = await collect(read(half, reader_of(WRITTEN[0])))
    assert (said.text, said.finish_reason) == ("", "length")


async def test_a_call_of_nobody_knows_what_is_a_failure() -> None:
    with pytest.raises(EngineFailed, match="cannot be read"):
        await collect(read(stream("<tool_call>what?</tool_call>"), reader_of(WRITTEN[0])))


async def test_tokens_of_reasoning_are_counted() -> None:
    thinks = Written(format="hermes", answer="", thinks=True)
    said = await collect(read(stream("<think>", "a", "b", "</think>", "c"), reader_of(thinks)))
    assert (said.reasoning, said.text, said.usage.reasoning_tokens) == ("ab", "c", 3)
