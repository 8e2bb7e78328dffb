"""What each vendor answers becomes the same chunks."""

import json
import re

import pytest

from fastchat.core.errors import EngineFailed, ProviderAway
from fastchat.core.generation import MOST_TOKENS, Chunk, ToolCallDelta, Usage, collect
from tests.providers import recorded
from tests.providers.fakes import Fake, answer, events, opened, request

JSON = {"content-type": "application/json"}

SAID = {
    "openai": recorded.OPENAI_TEXT,
    "deepseek": recorded.DEEPSEEK_REASONING,
    "anthropic": recorded.ANTHROPIC_TEXT,
    "anthropic_message_vertex": recorded.ANTHROPIC_TEXT,
    "gemini": recorded.GEMINI_TEXT,
    "vertex": recorded.GEMINI_TEXT,
    "openai_responses": recorded.RESPONSES_TEXT,
}
TOOLS = {
    "openai": recorded.OPENAI_TOOL,
    "anthropic": recorded.ANTHROPIC_TOOL,
    "gemini": recorded.GEMINI_TOOL,
    "openai_responses": recorded.RESPONSES_TOOL,
}
COUNTED = {
    "openai": Usage(prompt_tokens=9, completion_tokens=2, cached_tokens=4),
    "anthropic": Usage(prompt_tokens=9, completion_tokens=12, cached_tokens=4),
    "gemini": Usage(prompt_tokens=9, completion_tokens=5, cached_tokens=4, reasoning_tokens=3),
    "openai_responses": Usage(
        prompt_tokens=9, completion_tokens=5, cached_tokens=4, reasoning_tokens=3
    ),
}


@pytest.mark.parametrize("api_type", SAID)
async def test_a_text_is_read(api_type: str) -> None:
    whole = await answer(api_type, Fake(SAID[api_type]))
    assert (whole.text, whole.finish_reason) == ("Hello there", "stop")
    assert whole.reasoning == ("" if api_type == "openai" else "Let me think")


@pytest.mark.parametrize("api_type", TOOLS)
async def test_a_call_of_a_tool_is_read(api_type: str) -> None:
    whole = await answer(api_type, Fake(TOOLS[api_type]))
    (call,) = whole.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Bern"})
    assert call.id
    assert whole.finish_reason == "tool_calls"


@pytest.mark.parametrize("api_type", COUNTED)
async def test_tokens_are_counted_as_openai_does(api_type: str) -> None:
    assert (await answer(api_type, Fake(SAID[api_type]))).usage == COUNTED[api_type]


@pytest.mark.parametrize("factor", [-1, 10**12])
@pytest.mark.parametrize("api_type", COUNTED)
async def test_no_count_that_makes_no_sense_is_taken(api_type: str, factor: int) -> None:
    said = re.sub(
        rb"(?i)(tokens?_?count|tokens)\": (\d+)",
        lambda found: b'%s": %d' % (found[1], int(found[2]) * factor),
        SAID[api_type],
    )
    assert said != SAID[api_type]
    usage = (await answer(api_type, Fake(said))).usage
    most = MOST_TOKENS if factor > 0 else 0
    assert usage == Usage(*(most if count else 0 for count in COUNTED[api_type]))


@pytest.mark.parametrize(
    ("api_type", "whole"),
    [("openai_no_stream", recorded.OPENAI_WHOLE), ("gemini_no_stream", recorded.GEMINI_WHOLE)],
)
async def test_a_whole_answer_is_read_where_there_is_no_stream(
    api_type: str, whole: object
) -> None:
    said = await answer(api_type, Fake(json.dumps(whole).encode(), headers=JSON))
    assert said.text == "Hello there"


async def test_a_text_that_is_too_long_says_so() -> None:
    fake = Fake(json.dumps(recorded.GEMINI_WHOLE).encode(), headers=JSON)
    assert (await answer("gemini_no_stream", fake)).finish_reason == "length"
    cut = await answer("openai_responses", Fake(recorded.RESPONSES_CUT_SHORT))
    assert cut.finish_reason == "length"


async def test_a_blocked_prompt_is_no_error() -> None:
    blocked = await answer("gemini", Fake(recorded.GEMINI_BLOCKED))
    assert blocked == Chunk(finish_reason="content_filter")


async def test_an_answer_that_failed_says_why() -> None:
    with pytest.raises(ProviderAway, match="It broke"):
        await answer("openai_responses", Fake(recorded.RESPONSES_FAILED))


async def test_what_failed_in_the_middle_is_not_asked_for_elsewhere() -> None:
    begun = recorded.ANTHROPIC_TEXT.partition(b'event: e\ndata: {"type": "message_delta"')[0]
    fake = Fake(begun + events(recorded.ANTHROPIC_OVERLOADED))
    seen: list[str] = []

    async def listen() -> None:
        async for chunk in engine.generate(request()):
            seen.append(chunk.text)

    async with opened("anthropic", fake) as engine:
        with pytest.raises(EngineFailed, match="Overloaded"):
            await listen()
    assert "".join(seen) == "Hello there"


async def test_pieces_of_a_call_come_as_they_are_said() -> None:
    async with opened("anthropic", Fake(recorded.ANTHROPIC_TOOL)) as engine:
        calls = [call async for chunk in engine.generate(request()) for call in chunk.tool_calls]
    assert calls == [
        ToolCallDelta(index=0, id="toolu_1", name="weather"),
        ToolCallDelta(index=0, arguments='{"city":'),
        ToolCallDelta(index=0, arguments='"Bern"}'),
    ]


async def test_a_service_that_is_gone_says_what_became_of_it() -> None:
    async with opened("bard", Fake()) as engine:
        assert engine.model_names == ("ours",)
        with pytest.raises(Exception, match="gemini reaches what came after"):
            await collect(engine.generate(request()))
