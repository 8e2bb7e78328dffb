"""Both ways through the engine, and the end of things, with the real model."""

import asyncio
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from fastchat.core.errors import (
    ContextOverflow,
    EngineFailed,
    InvalidRequest,
    OutOfMemory,
)
from fastchat.core.generation import Chunk, GenerationRequest, collect
from fastchat.engines.transformers import Options
from fastchat.engines.transformers.build import generating_engine as create
from fastchat.engines.transformers.engine import TransformersEngine
from fastchat.engines.transformers.manager import Batcher
from fastchat.worker.admission import Admission
from fastchat.worker.shell import Shell
from tests.engines.requests import STORY, ask, chat
from tests.servers import until

pytestmark = pytest.mark.transformers

# Without it the model may end its answer when a test wants a long one.
ENDLESS: dict[str, Any] = {"logit_bias": {0: -100.0, 2: -100.0}}


def _batcher(engine: TransformersEngine) -> Batcher:
    assert engine._batcher is not None
    return engine._batcher


async def _answer(engine: TransformersEngine, prompt: Any = STORY, **changes: Any) -> Chunk:
    return await collect(engine.generate(ask(prompt, **changes)))


async def test_both_ways_say_the_same(hf: TransformersEngine) -> None:
    batched = await _answer(hf, max_tokens=12, logprobs=2)
    alone = await _answer(hf, max_tokens=12, logprobs=2, seed=1)
    assert alone.text == batched.text
    for one, other in zip(alone.logprobs, batched.logprobs, strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=1e-2)
        assert [top.token for top in one.top] == [top.token for top in other.top]


async def test_a_reader_who_leaves_frees_the_cache(hf: TransformersEngine) -> None:
    requests = [ask(f"{STORY} {name}", max_tokens=300, **ENDLESS) for name in ("Ann", "Bob")]
    for request in requests:
        async with aclosing(hf.generate(request)) as chunks:
            await anext(chunks)
            assert _batcher(hf).active == 1
        await until(lambda: _batcher(hf).active == 0)
    assert hf._room is not None
    assert hf._room.held_pages == 0


async def test_a_prompt_that_nobody_waits_for_is_dropped(hf: TransformersEngine) -> None:
    prompt = "Dropped " + "word " * 400
    for seed in (None, 1):
        task = asyncio.create_task(_answer(hf, prompt, max_tokens=1, seed=seed))
        await until(lambda: len(hf._open) == 1)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await until(lambda: _batcher(hf).active == 0)
    assert (await _answer(hf, max_tokens=2, seed=1)).usage.completion_tokens == 2


async def test_a_prompt_larger_than_everything_disturbs_nobody(hf: TransformersEngine) -> None:
    others = [asyncio.create_task(_answer(hf, f"{n} and", max_tokens=20)) for n in range(3)]
    with pytest.raises(ContextOverflow) as refusal:
        await _answer(hf, "word " * 100_000, max_tokens=1)
    assert refusal.value.prompt_tokens >= 100_000
    answers = await asyncio.gather(*others)
    assert all(answer.finish_reason for answer in answers)


async def test_more_than_the_cache_holds_waits_its_turn(hf: TransformersEngine) -> None:
    assert hf._room is not None
    many = 3 + hf._room.tokens // hf.context_length
    prompts = [f"{number} is a number and" for number in range(many)]
    # Each may fill its context, so not all of them fit at once.
    answers = await asyncio.gather(*(_answer(hf, one, stop=("\n", ".")) for one in prompts))
    assert len(answers) == many
    assert hf._room.held_pages == 0


async def test_answers_outside_the_batch_do_not_stop_it(hf: TransformersEngine) -> None:
    seeded = [
        asyncio.create_task(_answer(hf, max_tokens=200, seed=number, **ENDLESS))
        for number in range(2)
    ]
    await until(lambda: len(hf._open) == 2)
    assert (await _answer(hf, max_tokens=5)).usage.completion_tokens == 5
    assert not any(task.done() for task in seeded)
    for task in seeded:
        task.cancel()
    await asyncio.gather(*seeded, return_exceptions=True)
    # Nor do they change what it, or they, say.
    texts = {(await _answer(hf, max_tokens=6, seed=seed)).text for seed in (None, 1)}
    assert texts == {" a wise old wizard named"}


async def test_who_waits_for_an_answer_outside_the_batch_holds_no_slot(
    hf: TransformersEngine,
) -> None:
    shell = Shell(hf, Admission(4, 8, time.monotonic), stream_interval=1)
    requests = [ask(max_tokens=400, seed=number, **ENDLESS) for number in range(4)]
    seeded = [asyncio.create_task(collect(shell.generate(one))) for one in requests]
    await until(lambda: shell.admission.queue_length == 4)
    assert (shell.admission.running, shell.admission.waiting) == (2, 2)
    answer = await collect(shell.generate(ask(max_tokens=5)))
    assert answer.usage.completion_tokens == 5
    assert not any(task.done() for task in seeded)
    for task in seeded:
        task.cancel()
    await asyncio.gather(*seeded, return_exceptions=True)
    assert shell.admission.queue_length == 0


async def test_a_loop_that_dies_ends_its_answers_and_lives_again(
    hf: TransformersEngine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Any) -> None:
        raise RuntimeError("a broken kernel")

    running = hf.generate(ask(max_tokens=300, **ENDLESS))
    await anext(running)
    monkeypatch.setattr(_batcher(hf)._manager.batch_processor, "_generation_step", fail)
    with pytest.raises(EngineFailed, match="a broken kernel"):
        await collect(running)
    assert (await _answer(hf, max_tokens=3)).usage.completion_tokens == 3
    capfd.readouterr()


@pytest.mark.parametrize("seed", [None, 1])
async def test_memory_that_runs_out_is_said_and_survived(
    hf: TransformersEngine,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    seed: int | None,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    with monkeypatch.context() as patch:
        if seed is None:
            patch.setattr(_batcher(hf)._manager.batch_processor, "_generation_step", fail)
        else:
            # The class, because twins that still end an earlier answer are lent out.
            patch.setattr(type(_batcher(hf)._model), "generate", fail)
        with pytest.raises(OutOfMemory, match="--load-8bit") as raised:
            await _answer(hf, seed=seed)
    assert raised.value.code == 50002
    assert (await _answer(hf, max_tokens=3, seed=seed)).usage.completion_tokens == 3
    capfd.readouterr()


async def test_what_was_read_before_is_not_read_again(hf: TransformersEngine) -> None:
    prompt = "Here is a long list of numbers: " + " ".join(map(str, range(40)))
    first = await _answer(hf, prompt, max_tokens=3)
    again = await _answer(hf, prompt, max_tokens=3)
    assert first.usage.cached_tokens == 0
    assert again.usage.cached_tokens >= first.usage.prompt_tokens // 2
    assert again.text == first.text


async def test_a_seed_makes_an_answer_repeatable(hf: TransformersEngine) -> None:
    first, again, other = [
        (await _answer(hf, temperature=1.0, seed=seed, max_tokens=10)).text for seed in (5, 5, 6)
    ]
    assert first == again != other


async def test_without_a_seed_answers_differ(hf: TransformersEngine) -> None:
    asked = [_answer(hf, temperature=1.5, max_tokens=10) for _ in range(3)]
    assert len({answer.text for answer in await asyncio.gather(*asked)}) > 1


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("narrow", [{"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}])
async def test_a_narrow_choice_is_the_greedy_one(
    hf: TransformersEngine, narrow: dict[str, Any], seed: int | None
) -> None:
    greedy = (await _answer(hf, max_tokens=6)).text
    answer = await _answer(hf, max_tokens=6, temperature=1.5, seed=seed, **narrow)
    assert answer.text == greedy


@pytest.mark.parametrize("name", ["presence_penalty", "frequency_penalty", "repetition_penalty"])
async def test_a_penalty_ends_a_repetition(hf: TransformersEngine, name: str) -> None:
    ones = "1 1 1 1 1 1 1 1"
    assert (await _answer(hf, ones, max_tokens=8)).text == " 1 1 1 1"
    assert " 1 1 1" not in (await _answer(hf, ones, max_tokens=8, **{name: 2.0})).text


async def test_a_bias_forbids_a_token(hf: TransformersEngine) -> None:
    first = (await _answer(hf, max_tokens=1)).text
    (token,) = await hf.tokenize(first)
    assert (await _answer(hf, max_tokens=1, logit_bias={token: -100.0})).text != first


async def test_a_stop_token_ends_the_answer_and_is_not_shown(hf: TransformersEngine) -> None:
    whole = (await _answer(hf, max_tokens=8)).text
    tokens = await hf.tokenize(whole)
    answer = await _answer(hf, max_tokens=8, stop_token_ids=(tokens[3],))
    assert answer.text == await hf.detokenize(tokens[: tokens.index(tokens[3])])
    assert answer.finish_reason == "stop"


async def test_token_ids_are_taken_as_they_are(hf: TransformersEngine) -> None:
    ids = tuple(await hf.tokenize(STORY))
    assert (await _answer(hf, ids, max_tokens=6)).text == (await _answer(hf, max_tokens=6)).text


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (ask((1, 99_999_999)), "prompt"),
        (ask(logit_bias={-1: 1.0}), "logit_bias"),
        (ask(stop_token_ids=(99_999_999,)), "stop_token_ids"),
    ],
)
async def test_tokens_that_do_not_exist_are_refused(
    hf: TransformersEngine, request_: GenerationRequest, param: str
) -> None:
    with pytest.raises(InvalidRequest, match="this model's tokens are 0 to") as refusal:
        await collect(hf.generate(request_))
    assert refusal.value.param == param


async def test_an_empty_prompt_is_refused(hf: TransformersEngine) -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        await _answer(hf, ())


async def test_the_model_ends_its_turn(hf: TransformersEngine) -> None:
    answer = await _answer(hf, chat("What is the capital of France?"), max_tokens=30)
    assert (answer.text, answer.finish_reason) == ("The capital of France is Paris.", "stop")


async def test_closing_ends_what_runs_and_nothing_runs_after(hf_smollm2_path: Path) -> None:
    engine = create(
        Options(
            model=hf_smollm2_path,
            names=("m",),
            slots=1,
            threads=1,
            context_length=256,
            device="cpu",
            load_8bit=False,
        )
    )
    batched, alone = (
        engine.generate(ask(max_tokens=200, seed=seed, **ENDLESS)) for seed in (None, 1)
    )
    for running in (batched, alone):
        await anext(running)
    await engine.aclose()
    await engine.aclose()
    for running in (batched, alone):
        with pytest.raises(EngineFailed, match="closed"):
            await collect(running)
    for seed in (None, 1):
        with pytest.raises(EngineFailed, match="closed"):
            await _answer(engine, seed=seed)
