import asyncio
from dataclasses import replace

import pytest

from fastchat.core.errors import ContextOverflow, EngineFailed, UnknownModel, Unsupported
from fastchat.core.generation import Chat, Chunk, GenerationRequest, Message, Sampling
from fastchat.core.lanes import Lane
from fastchat.model.template import NamedTemplate
from fastchat.worker.shell import Shell
from tests.scripted import ScriptedEngine
from tests.servers import until

ASK = GenerationRequest(id="1", model="m", prompt="hi")


async def read(shell: Shell, request: GenerationRequest = ASK) -> list[Chunk]:
    return [chunk async for chunk in shell.generate(request)]


async def test_chunks_pass_and_the_slot_comes_back(shell: Shell) -> None:
    chunks = await read(shell)
    assert [chunk.text for chunk in chunks] == ["one", " two", " three"]
    assert chunks[-1].finish_reason == "stop"
    assert shell.admission.queue_length == 0


async def test_who_waits_for_a_lane_of_the_engine_leaves_the_slots_to_others(
    shell: Shell, engine: ScriptedEngine
) -> None:
    engine.held, engine.lanes = asyncio.Event(), {7: Lane(1)}
    seeded = replace(ASK, sampling=Sampling(seed=7))
    answers = [asyncio.create_task(read(shell, one)) for one in (seeded, seeded, ASK)]
    await until(lambda: len(engine.asked) == 2)
    assert [one.sampling.seed for one in engine.asked] == [7, None]
    engine.held.set()
    assert all([len(await answer) == 3 for answer in answers])


async def test_the_stream_interval_gathers_tokens(engine: ScriptedEngine, shell: Shell) -> None:
    engine.words = [" w"] * 6
    slower = Shell(engine, shell.admission, stream_interval=2)
    assert [chunk.text for chunk in await read(slower)] == [" w", " w w", " w w", " w"]


async def test_nothing_is_said_after_the_end(engine: ScriptedEngine, shell: Shell) -> None:
    engine.words = ["end"]
    assert len(await read(shell)) == 1


async def test_an_engine_that_just_stops_has_failed(engine: ScriptedEngine, shell: Shell) -> None:
    engine.finish = None
    with pytest.raises(EngineFailed, match="without saying why"):
        await read(shell)


async def test_a_crash_in_the_engine_becomes_one_error(
    engine: ScriptedEngine, shell: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    engine.failure, engine.fails_at = ZeroDivisionError("oops"), 1
    with pytest.raises(EngineFailed, match="worker's log"):
        await read(shell)
    assert "oops" in caplog.text
    assert shell.admission.queue_length == 0


async def test_an_error_with_a_meaning_passes_as_it_is(
    engine: ScriptedEngine, shell: Shell
) -> None:
    engine.failure = ContextOverflow(200, 100)
    with pytest.raises(ContextOverflow):
        await read(shell)


async def test_another_model_is_refused_without_a_slot(
    engine: ScriptedEngine, shell: Shell
) -> None:
    with pytest.raises(UnknownModel):
        await read(shell, GenerationRequest(id="1", model="x", prompt="hi"))
    assert engine.asked == []


async def test_what_the_engine_does_not_declare_is_refused_by_name(shell: Shell) -> None:
    sampling = Sampling(min_p=0.1, logit_bias={1: 2.0})
    with pytest.raises(Unsupported, match="logit_bias, min_p"):
        await read(shell, GenerationRequest(id="1", model="m", prompt="hi", sampling=sampling))


async def test_a_prompt_that_cannot_fit_is_refused_without_a_slot(
    engine: ScriptedEngine, shell: Shell
) -> None:
    async with shell.admission.slot(), shell.admission.slot():
        with pytest.raises(ContextOverflow, match="100 tokens, but the prompt has 100 tokens"):
            await read(shell, GenerationRequest(id="1", model="m", prompt="w " * 100))
    assert engine.asked == []


async def test_what_is_far_too_long_is_not_counted_whole(shell: Shell) -> None:
    with pytest.raises(ContextOverflow, match="400 or more tokens"):
        await read(shell, GenerationRequest(id="1", model="m", prompt="w " * 100_000))


async def test_more_messages_than_tokens_are_refused_unrendered(shell: Shell) -> None:
    chat = Chat((Message(role="user", content=""),) * 200)
    with pytest.raises(ContextOverflow, match="200 or more tokens"):
        await read(shell, GenerationRequest(id="1", model="m", prompt=chat))


async def test_a_reader_that_leaves_stops_the_engine(engine: ScriptedEngine, shell: Shell) -> None:
    chunks = shell.generate(ASK)
    await anext(chunks)
    assert (engine.running, shell.admission.running) == (1, 1)
    await chunks.aclose()
    assert (engine.running, shell.admission.running) == (0, 0)


async def test_a_cancelled_reader_stops_the_engine(engine: ScriptedEngine, shell: Shell) -> None:
    engine.held = asyncio.Event()
    task = asyncio.create_task(read(shell))
    await until(lambda: engine.running)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (engine.running, shell.admission.running) == (0, 0)


async def test_a_named_template_renders_in_place_of_the_engine(
    engine: ScriptedEngine, shell: Shell
) -> None:
    named = NamedTemplate.load("vicuna_v1.1", engine)
    shell = Shell(engine, shell.admission, 1, named)
    chat = Chat((Message(role="system", content="S."), Message(role="user", content="hi")))
    await read(shell, GenerationRequest(id="1", model="m", prompt=chat))
    assert engine.asked[0].prompt == "S. USER: hi ASSISTANT:"


async def test_the_load_counts_requests_and_tokens(engine: ScriptedEngine, shell: Shell) -> None:
    engine.held = asyncio.Event()
    asking = asyncio.create_task(read(shell))
    await until(lambda: shell.load().running == 1)
    assert (shell.load().waiting, shell.load().slots) == (0, 2)
    engine.held.set()
    await asking
    load = shell.load()
    assert (load.running, load.completion_tokens) == (0, 3)
    assert load.tokens_per_s > 0
