"""What a checkpoint's generation_config.json wants is no part of a request: both ways say the same,
and each answer has an end."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastchat.core.errors import EngineFailed
from fastchat.core.generation import collect
from fastchat.engines.transformers import Options
from fastchat.engines.transformers.build import generating_engine as create
from fastchat.engines.transformers.engine import TransformersEngine
from tests.engines.requests import ask

pytestmark = [pytest.mark.transformers, pytest.mark.filterwarnings("ignore")]

OPINIONS: dict[str, dict[str, Any]] = {
    "penalties": {"do_sample": True, "repetition_penalty": 1.3, "top_k": 20, "temperature": 0.7},
    "beams": {"num_beams": 4, "early_stopping": True},
    "stop strings": {"stop_strings": ["e"]},
    "a time limit": {"max_time": 0.001},
    "lengths": {"max_length": 20, "min_new_tokens": 30, "no_repeat_ngram_size": 2},
}


@pytest.fixture(scope="module")
def folder(hf_smollm2_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    import transformers

    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=49152, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, intermediate_size=64, initializer_range=0.3,
    )  # fmt: skip
    made = tmp_path_factory.mktemp("opinionated")
    transformers.LlamaForCausalLM(config).save_pretrained(made)
    transformers.AutoTokenizer.from_pretrained(hf_smollm2_path).save_pretrained(made)
    return made


@pytest.fixture(params=OPINIONS)
def opinionated(folder: Path, request: pytest.FixtureRequest) -> Iterator[TransformersEngine]:
    wanted = {"eos_token_id": 2} | OPINIONS[request.param]
    (folder / "generation_config.json").write_text(json.dumps(wanted))
    options = Options(
        model=folder, names=("m",), slots=2, threads=1, context_length=128, dtype="float32",
        device="cpu",
    )  # fmt: skip
    engine = create(options)
    yield engine
    asyncio.run(engine.aclose())


async def test_the_way_of_seeds_says_what_the_batch_says(opinionated: TransformersEngine) -> None:
    async with asyncio.timeout(60):
        batched, alone = [
            await collect(opinionated.generate(ask(max_tokens=24, seed=seed))) for seed in (None, 1)
        ]
    assert alone.text == batched.text
    assert alone.finish_reason == batched.finish_reason


async def test_an_answer_that_its_model_leaves_unended_is_ended(
    hf: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    batcher = hf._batcher
    assert batcher is not None
    monkeypatch.setattr(type(batcher._model), "generate", lambda *_, **__: None)
    async with asyncio.timeout(60):
        with pytest.raises(EngineFailed, match="before its end"):
            await collect(hf.generate(ask(seed=1)))
