"""LongChat's positions: those of the original are each divided by the ratio."""

import json
from pathlib import Path

import pytest

from fastchat.engines.transformers import Options, loading
from tools.convert_smollm2 import tokenizer_folder

pytestmark = [pytest.mark.transformers, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("ratio", [8, 1])
def test_positions_are_condensed_by_the_checkpoints_ratio(tmp_path: Path, ratio: int) -> None:
    import torch
    import transformers

    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=49152,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    plain = transformers.LlamaForCausalLM(config).eval()
    plain.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(tokenizer_folder()).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rope_condense_ratio": ratio}))
    options = Options(model=tmp_path, names=("m",), threads=1, device="cpu", dtype="float32")
    loaded = loading.load(options)
    ids = torch.arange(40)[None]
    with torch.inference_mode():
        wanted = plain(ids, position_ids=torch.arange(40)[None] / ratio).logits
        found = loaded.model(ids).logits
        other = plain(ids).logits
    assert torch.allclose(found, wanted, atol=1e-5)
    assert torch.allclose(found, other, atol=1e-5) == (ratio == 1)
    assert loaded.trained_length == 64 * ratio
