import asyncio
from collections.abc import AsyncGenerator

import pytest

from fastchat.core.errors import EngineFailed
from fastchat.core.fanout import interleaved
from fastchat.core.generation import Chunk, GenerationRequest
from tests.scripted import ScriptedEngine

ASK = GenerationRequest(id="1", model="m", prompt="hi")


async def test_every_generation_comes_whole_under_its_index() -> None:
    engine = ScriptedEngine()
    texts = ["", "", ""]
    async for index, chunk in interleaved(engine.generate, [ASK] * 3):
        texts[index] += chunk.text
    assert texts == ["one two three"] * 3
    assert engine.running == 0


async def test_the_first_failure_ends_all() -> None:
    engine = ScriptedEngine(held=asyncio.Event())

    async def generate(request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        if len(engine.asked) == 2:
            raise EngineFailed("broken")
        async for chunk in engine.generate(request):
            yield chunk

    with pytest.raises(EngineFailed):
        async for _ in interleaved(generate, [ASK] * 3):
            pass
    assert engine.running == 0


async def test_a_reader_that_leaves_stops_all() -> None:
    engine = ScriptedEngine()
    chunks = interleaved(engine.generate, [ASK] * 3)
    await anext(chunks)
    await chunks.aclose()
    assert engine.running == 0
