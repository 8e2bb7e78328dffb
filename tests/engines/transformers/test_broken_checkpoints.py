"""What a checkpoint lacks, or has wrong, is one sentence before anybody asks it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastchat.core.errors import ConfigError
from fastchat.core.generation import collect
from fastchat.engines.transformers import Options, create
from tests.engines.requests import ask
from tools.convert_smollm2 import tokenizer_folder

pytestmark = [pytest.mark.transformers, pytest.mark.filterwarnings("ignore")]

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import transformers

    folder = tmp_path_factory.mktemp("whole")
    sizes: dict[str, Any] = {"vocab_size": 49152, "hidden_size": 16, "intermediate_size": 16}
    heads: dict[str, Any] = {"num_attention_heads": 2, "num_key_value_heads": 1}
    config = transformers.LlamaConfig(num_hidden_layers=2, **sizes, **heads)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(tokenizer_folder()).save_pretrained(folder)
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """To be broken."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def options(folder: Path) -> Options:
    return Options(model=folder, names=("m",), slots=1, threads=1, device="cpu", dtype="float32")


def cut(folder: Path, size: int) -> None:
    file = folder / WEIGHTS
    file.write_bytes(file.read_bytes()[:size])


def without(folder: Path, part: str) -> None:
    from safetensors.torch import load_file, save_file

    kept = {name: one for name, one in load_file(folder / WEIGHTS).items() if part not in name}
    save_file(kept, folder / WEIGHTS, metadata={"format": "pt"})


def change(folder: Path, **values: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


BREAKS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a layer is missing": (
        lambda folder: without(folder, "layers.1."),
        r"lack 9 of the weights of LlamaForCausalLM \(model\.layers\.1\..* and 6 more\)",
    ),
    "the last layer is missing": (
        lambda folder: without(folder, "lm_head"),
        r"\(lm_head\.weight\)",
    ),
    "half of the weights": (lambda folder: cut(folder, 10_000), rf"{WEIGHTS} is damaged"),
    "a header's beginning": (lambda folder: cut(folder, 100), rf"{WEIGHTS} is damaged"),
    "an empty file": (lambda folder: cut(folder, 0), rf"{WEIGHTS} is damaged"),
    "no heads": (lambda folder: change(folder, num_attention_heads=0), "ZeroDivisionError"),
    "ends of answers": (
        lambda folder: (folder / "generation_config.json").write_text("{"),
        r"generation_config\.json is no JSON",
    ),
    "a chat template": (
        lambda folder: (folder / "chat_template.jinja").write_text("Hello\n{% for x in %}"),
        "chat template of .* cannot be read: line 2",
    ),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_checkpoint_is_one_sentence(copy: Path, broken: str) -> None:
    breaks, said = BREAKS[broken]
    breaks(copy)
    with pytest.raises(ConfigError, match=said) as refusal:
        create(options(copy))
    assert "\n" not in str(refusal.value)


async def test_weights_that_are_shared_are_not_missed(copy: Path) -> None:
    without(copy, "lm_head")
    change(copy, tie_word_embeddings=True)
    engine = create(options(copy))
    assert (await collect(engine.generate(ask("Once", max_tokens=2)))).finish_reason
    await engine.aclose()


async def test_a_pickle_of_nothing_but_numbers_is_served(copy: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(copy / WEIGHTS), copy / "pytorch_model.bin")
    (copy / WEIGHTS).unlink()
    engine = create(options(copy))
    assert (await collect(engine.generate(ask("Once", max_tokens=2)))).finish_reason
    await engine.aclose()
