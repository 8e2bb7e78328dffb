from collections.abc import AsyncIterator

import pytest

from fastchat.core.constraints import JsonSchema
from fastchat.core.errors import EngineFailed
from fastchat.core.generation import (
    Chat,
    Chunk,
    GenerationRequest,
    Message,
    Sampling,
    Usage,
    collect,
    required_features,
)


async def stream(*chunks: Chunk) -> AsyncIterator[Chunk]:
    for chunk in chunks:
        yield chunk


async def test_a_whole_answer_is_a_collected_stream() -> None:
    last = Chunk(text="b", usage=Usage(prompt_tokens=1, completion_tokens=2), finish_reason="stop")
    whole = await collect(stream(Chunk(text="a"), last, Chunk(text="never")))
    assert (whole.text, whole.usage.total_tokens, whole.finish_reason) == ("ab", 3, "stop")


async def test_a_stream_that_just_stops_is_a_failure() -> None:
    with pytest.raises(EngineFailed):
        await collect(stream(Chunk(text="a")))


def test_plain_text_needs_no_feature() -> None:
    assert required_features(GenerationRequest(id="1", model="m", prompt="x")) == frozenset()


def test_each_wish_needs_its_feature() -> None:
    request = GenerationRequest(
        id="1",
        model="m",
        prompt=Chat((Message(role="user", content="x"),)),
        sampling=Sampling(
            top_k=1,
            min_p=0.1,
            presence_penalty=1,
            frequency_penalty=1,
            repetition_penalty=1.1,
            seed=0,
            logit_bias={1: 1},
        ),
        stop_token_ids=(1,),
        logprobs=0,
        constraint=JsonSchema({}),
    )
    assert len(required_features(request)) == 11
    ids = GenerationRequest(id="1", model="m", prompt=(1, 2))
    assert required_features(ids) == {"token_prompt"}
