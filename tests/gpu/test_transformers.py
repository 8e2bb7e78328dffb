"""The engine for Hugging Face checkpoints on an accelerator: random weights of a real shape."""

import asyncio
import importlib.util
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.transformers.models import SHAPES, make_random
from fastchat.core.errors import OutOfMemory
from fastchat.core.generation import Chunk, GenerationRequest, Sampling, collect
from fastchat.engines.transformers import Options
from fastchat.engines.transformers.build import generating_engine as create
from fastchat.engines.transformers.engine import TransformersEngine
from tests.engines.transformers.lora import PROMPT, make_adapter

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]

NO_PACKAGE = "the package {} is not installed"


def _devices() -> int:
    if importlib.util.find_spec("torch") is None:
        return 0
    import torch

    return torch.accelerator.device_count() if torch.accelerator.is_available() else 0


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if _devices() == 0:
        pytest.skip("there is no accelerator")
    made = tmp_path_factory.mktemp("random-1b")
    make_random(SHAPES["random-1b"], made)
    return made


def _engine(folder: Path, **changes: Any) -> TransformersEngine:
    given = {"names": ("m",), "slots": 32, "context_length": 1024, "cache_tokens": 32 * 1024}
    return create(Options(**{"model": folder, **given, **changes}))


async def _said(engine: TransformersEngine, count: int = 1, **sampling: Any) -> list[Chunk]:
    """Answers of sixteen tokens."""
    requests = [
        GenerationRequest(
            id=str(number),
            model="m",
            prompt=f"The number {number} is",
            max_tokens=16,
            sampling=Sampling(**{"temperature": 0.0, **sampling}),
        )
        for number in range(count)
    ]
    return list(await asyncio.gather(*(collect(engine.generate(one)) for one in requests)))


async def _texts(folder: Path, count: int = 4, **changes: Any) -> list[str]:
    engine = _engine(folder, **changes)
    try:
        return [answer.text for answer in await _said(engine, count)]
    finally:
        await engine.aclose()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
async def test_every_type_answers_many_at_once(folder: Path, dtype: str) -> None:
    engine = _engine(folder, dtype=dtype)
    try:
        answers = await _said(engine, 32)
        assert {answer.usage.completion_tokens for answer in answers} == {16}
    finally:
        await engine.aclose()


async def test_both_ways_say_the_same(folder: Path) -> None:
    engine = _engine(folder, dtype="float32")
    try:
        (batched,), (alone,) = await _said(engine), await _said(engine, seed=1)
        assert alone.text == batched.text
    finally:
        await engine.aclose()


async def test_graphs_change_the_speed_and_not_the_answers(folder: Path) -> None:
    with_graphs, without = [
        await _texts(folder, dtype="float32", cuda_graphs=wanted) for wanted in ("on", "off")
    ]
    assert with_graphs == without


async def test_everything_a_request_can_want_works_with_graphs(folder: Path) -> None:
    engine = _engine(folder, cuda_graphs="on")
    try:
        for wanted in ({"temperature": 1.0, "top_p": 0.9}, {"repetition_penalty": 1.3}):
            answers = await _said(engine, 8, **wanted)
            assert all(answer.finish_reason for answer in answers)
    finally:
        await engine.aclose()


async def test_flash_attention_is_taken_where_it_is(folder: Path) -> None:
    from transformers.utils import is_flash_attn_2_available, is_flash_attn_3_available

    if not (is_flash_attn_2_available() or is_flash_attn_3_available()):
        pytest.skip(NO_PACKAGE.format("flash-attn"))
    engine = _engine(folder, dtype="bfloat16")
    try:
        assert "flash" in str(engine._singles._models[0].config._attn_implementation)
        assert len(await _said(engine, 8)) == 8
    finally:
        await engine.aclose()


@pytest.mark.parametrize(
    "fewer", [{"load_8bit": True}, {"load_4bit": True}, {"load_8bit": True, "cpu_offloading": True}]
)
async def test_fewer_bits_need_less_memory(folder: Path, fewer: dict[str, Any]) -> None:
    if importlib.util.find_spec("bitsandbytes") is None:
        pytest.skip(NO_PACKAGE.format("bitsandbytes"))
    sizes = []
    for changes in ({}, fewer):
        engine = _engine(folder, **changes)
        try:
            sizes.append(engine._singles._models[0].get_memory_footprint())
            assert (await _said(engine))[0].usage.completion_tokens == 16
        finally:
            await engine.aclose()
    assert sizes[1] < 0.7 * sizes[0]


async def test_a_model_is_spread_over_two_devices(folder: Path) -> None:
    if _devices() < 2:
        pytest.skip("there are no two accelerators")
    engine = _engine(folder, num_gpus=2)
    try:
        assert set(engine._singles._models[0].hf_device_map.values()) == {0, 1}
        assert len(await _said(engine, 4)) == 4
    finally:
        await engine.aclose()


async def test_an_adapter_answers_as_if_it_were_merged(folder: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("peft") is None:
        pytest.skip(NO_PACKAGE.format("peft"))
    adapter, merged = make_adapter(folder, tmp_path / "one", 5)
    engine = _engine(folder, dtype="float32", lora_modules=[f"one={adapter}"])
    try:
        asked = GenerationRequest(
            id="1", model="one", prompt=PROMPT, max_tokens=8, sampling=Sampling(temperature=0.0)
        )
        answers = await asyncio.gather(
            *(collect(engine.generate(replace(asked, model=name))) for name in ("one", "m"))
        )
        assert answers[0].text.strip() == merged.strip() != answers[1].text.strip()
    finally:
        await engine.aclose()


async def test_vectors_are_made_beside_answers(folder: Path) -> None:
    engine = _engine(folder, dtype="bfloat16")
    try:
        texts = [f"{number}. The lighthouse keeper wrote it down. " * 20 for number in range(64)]
        found, answers = await asyncio.gather(engine.embed(texts), _said(engine, 8))
        alone = await engine.embed(texts[:1])
        assert len(found.vectors) == 64
        same = zip(found.vectors[0], alone.vectors[0], strict=True)
        assert sum(one * other for one, other in same) > 0.99  # of length 1, in bfloat16
        assert {answer.usage.completion_tokens for answer in answers} == {16}
    finally:
        await engine.aclose()


@pytest.mark.parametrize("attention", [None, "sdpa"])
async def test_memory_that_runs_out_is_survived(folder: Path, attention: str | None) -> None:
    import torch

    engine = _engine(folder, attn_implementation=attention)
    try:
        free, _ = torch.cuda.mem_get_info()
        ballast = torch.empty(free - 64 * 2**20, dtype=torch.uint8, device="cuda")
        with suppress(OutOfMemory):
            await _said(engine, 32, top_p=0.9, temperature=1.0)
        del ballast
        torch.cuda.empty_cache()
        assert (await _said(engine))[0].usage.completion_tokens == 16
    finally:
        await engine.aclose()
