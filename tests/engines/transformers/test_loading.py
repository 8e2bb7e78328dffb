"""Loading the real model, and what is said when that cannot be done."""

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from fastchat.core.errors import ConfigError
from fastchat.core.generation import collect
from fastchat.engines.transformers import Options, create
from fastchat.model import model_adapter
from fastchat.model.model_adapter import BaseModelAdapter
from tests.engines.requests import ask, chat


def _options(model: Path | str, **changes: Any) -> Options:
    given = {"names": ("m",), "slots": 2, "threads": 1, "context_length": 256, "device": "cpu"}
    return Options(**{"model": model, **given, **changes})


async def _said(options: Options, *, seeds: Sequence[int | None] = (None,)) -> str:
    """The answers, one behind another; those with a seed are made outside the batch."""
    engine = create(options)
    asked = ask(chat("What is the capital of France?"), max_tokens=8)
    asks = [replace(asked, sampling=replace(asked.sampling, seed=seed)) for seed in seeds]
    try:
        return "".join([(await collect(engine.generate(one))).text for one in asks])
    finally:
        await engine.aclose()


def test_a_missing_library_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigError, match=r"pip install 'fschat\[model_worker\]'"):
        create(_options(tmp_path))


@pytest.mark.transformers
async def test_one_line_says_what_was_loaded(
    hf_smollm2_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="fastchat"):
        assert "Paris" in await _said(_options(hf_smollm2_path, dtype="bfloat16"))
    (line,) = [one for one in caplog.messages if one.startswith("loaded in")]
    for part in ("0.135 B parameters", "bfloat16", "on cpu", "sdpa attention", "context 256"):
        assert part in line
    assert any("FlashAttention does not run on cpu" in one for one in caplog.messages)


@pytest.mark.transformers
@pytest.mark.parametrize("flag", ["load_8bit", "load_4bit"])
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
async def test_fewer_bits_say_the_same(hf_smollm2_path: Path, flag: str) -> None:
    changes: dict[str, Any] = {flag: True}
    said = await _said(_options(hf_smollm2_path, **changes), seeds=(None, 1))
    assert said.count("Paris") == 2


@pytest.mark.transformers
@pytest.mark.filterwarnings("ignore::FutureWarning")
async def test_an_adapter_is_loaded_over_its_model(hf_smollm2_path: Path, tmp_path: Path) -> None:
    import peft
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(hf_smollm2_path)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"])
    peft.get_peft_model(model, config).save_pretrained(tmp_path)
    described = tmp_path / "adapter_config.json"
    named = json.loads(described.read_text()) | {"base_model_name_or_path": str(hf_smollm2_path)}
    described.write_text(json.dumps(named))
    assert "Paris" in await _said(_options(tmp_path))


class _Own(BaseModelAdapter):
    loaded: ClassVar[list[str]] = []

    def match(self, model_path: str) -> bool:
        return "smollm2" in model_path

    def load_model(
        self, model_path: str, from_pretrained_kwargs: dict[str, Any]
    ) -> tuple[Any, Any]:
        self.loaded.append(model_path)
        return super().load_model(model_path, from_pretrained_kwargs)


@pytest.mark.transformers
async def test_a_registered_adapter_loads_its_model(
    hf_smollm2_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_adapter, "model_adapters", [_Own()])
    assert "Paris" in await _said(_options(hf_smollm2_path))
    assert _Own.loaded == [str(hf_smollm2_path)]


@pytest.mark.transformers
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"context_length": 9000}, "9000 tokens is more than the 8192"),
        ({"num_gpus": 2}, "--num-gpus, --max-gpu-memory and --cpu-offloading are for GPUs"),
        ({"gpus": "0"}, "--gpus, .* are for GPUs"),
        ({"attn_implementation": "nonsense"}, "cannot be loaded"),
    ],
)
def test_what_cannot_be_done_is_refused(
    hf_smollm2_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        create(_options(hf_smollm2_path, **changes))


@pytest.mark.transformers
def test_a_folder_without_a_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="cannot be loaded") as refusal:
        create(_options(tmp_path))
    assert "\n" not in str(refusal.value)


@pytest.mark.transformers
@pytest.mark.filterwarnings("ignore")
def test_a_hub_that_does_not_answer_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="nobody/nothing cannot be loaded"):
        create(_options("nobody/nothing"))


@pytest.mark.transformers
def test_a_device_that_is_not_there_is_an_error_when_asked_for(hf_smollm2_path: Path) -> None:
    with pytest.raises(ConfigError, match="the device npu was asked for"):
        create(_options(hf_smollm2_path, device="npu"))
