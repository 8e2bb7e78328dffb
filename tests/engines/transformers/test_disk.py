"""A model of which a part stays on disk answers as one in memory, and reads that part each time."""

from pathlib import Path
from typing import Any

import pytest

from fastchat.core.errors import EngineFailed
from fastchat.core.generation import Engine, collect
from fastchat.engines.transformers import Options, create, placement
from tests.engines.requests import ask
from tools.convert_smollm2 import tokenizer_folder

pytestmark = [pytest.mark.transformers, pytest.mark.filterwarnings("ignore")]

MIB = 2**20


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Eight layers of 4 MiB each behind 12 MiB of words, with random weights."""
    import torch
    import transformers

    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=49152,
        hidden_size=64,
        num_hidden_layers=8,
        num_attention_heads=4,
        intermediate_size=5400,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        eos_token_id=2,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(tokenizer_folder()).save_pretrained(tmp_path)
    return tmp_path


def engine(checkpoint: Path) -> Engine:
    given: dict[str, Any] = {"slots": 2, "threads": 1, "context_length": 256, "dtype": "float32"}
    return create(Options(model=checkpoint, names=("m",), device="cpu", **given))


async def said(one: Engine) -> str:
    return (await collect(one.generate(ask("Once upon a time", max_tokens=8)))).text


async def test_layers_are_read_from_disk_for_each_answer(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = engine(checkpoint)
    wanted = await said(whole)
    monkeypatch.setattr(placement, "free_ram_bytes", lambda: 36 * MIB)
    spread = engine(checkpoint)
    try:
        assert places(spread) == {"cpu", "disk"}
        assert await said(spread) == wanted
        away = (checkpoint / "model.safetensors").rename(checkpoint / "away")
        assert await said(whole) == wanted
        with pytest.raises(EngineFailed, match=r"model\.safetensors"):
            await said(spread)
        away.rename(checkpoint / "model.safetensors")
        assert await said(spread) == wanted
    finally:
        await spread.aclose()
        await whole.aclose()


def places(one: Any) -> set[str]:
    return set(one._singles._models[0].hf_device_map.values())
