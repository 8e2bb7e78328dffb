"""A checkpoint is data: whoever made it gets nothing run here."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastchat.core.errors import ConfigError
from fastchat.engines.transformers import Options, create
from tools.convert_smollm2 import tokenizer_folder

pytestmark = [pytest.mark.transformers, pytest.mark.filterwarnings("ignore")]

Base = Callable[..., Path]


class Trap:
    """Leaves a file where it is unpickled by whoever runs what a pickle says."""

    def __init__(self, sprung: Path) -> None:
        self._sprung = sprung

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return (Path.touch, (self._sprung,))


@pytest.fixture
def base(tmp_path: Path) -> Base:
    """A folder with all of a tiny model but its weights, and more in its config."""

    def make(**more: Any) -> Path:
        import transformers

        config = transformers.LlamaConfig(
            vocab_size=49152, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=1, intermediate_size=16, architectures=["LlamaForCausalLM"],
        )  # fmt: skip
        folder = tmp_path / "base"
        transformers.AutoTokenizer.from_pretrained(tokenizer_folder()).save_pretrained(folder)
        told = json.loads(config.to_json_string()) | {"architectures": ["LlamaForCausalLM"]} | more
        (folder / "config.json").write_text(json.dumps(told))
        return folder

    return make


def load(folder: Path) -> None:
    create(Options(model=folder, names=("m",), slots=1, threads=1, device="cpu"))


@pytest.mark.parametrize("kind", ["plain", "zip"])
def test_a_pickle_in_the_place_of_weights_runs_nothing(
    base: Base, tmp_path: Path, kind: str
) -> None:
    import torch

    folder, sprung = base(), tmp_path / "sprung"
    weights = folder / "pytorch_model.bin"
    if kind == "zip":  # as torch.save writes it
        torch.save({"model.embed_tokens.weight": Trap(sprung)}, weights)
    else:
        weights.write_bytes(pickle.dumps({"model.embed_tokens.weight": Trap(sprung)}))
    with pytest.raises(ConfigError, match="safetensors"):
        load(folder)
    assert not sprung.exists()


def test_code_that_comes_with_a_checkpoint_is_not_run_unless_asked_for(
    base: Base, tmp_path: Path
) -> None:
    sprung = tmp_path / "sprung"
    folder = base(
        model_type="trap",
        auto_map={"AutoConfig": "trap.TrapConfig", "AutoModelForCausalLM": "trap.TrapModel"},
    )
    (folder / "trap.py").write_text(f"import pathlib\npathlib.Path({str(sprung)!r}).touch()\n")
    with pytest.raises(ConfigError, match="trust-remote-code"):
        load(folder)
    assert not sprung.exists()
