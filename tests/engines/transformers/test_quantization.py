from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fastchat.core.errors import ConfigError
from fastchat.engines.transformers import quantization as quantizing
from fastchat.engines.transformers.options import Options
from fastchat.engines.transformers.quantization import (
    gptq_numbers,
    quantization,
    weights_folder,
)

GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128}


def _options(**changes: Any) -> Options:
    return Options(**{"model": "m", "names": ("m",), **changes})


def _config(described: Any = None) -> Any:
    return SimpleNamespace(quantization_config=described)


@pytest.fixture
def all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())


@pytest.mark.parametrize(
    "spelling",
    [{"gptq": ("wbits=4", "groupsize=128")}, {"gptq_wbits": 4, "gptq_groupsize": 128}],
)
def test_both_spellings_of_gptq_mean_the_same(spelling: dict[str, Any]) -> None:
    assert gptq_numbers(_options(**spelling)) == (4, 128)


def test_a_word_that_gptq_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigError, match="give wbits=4 groupsize=128"):
        gptq_numbers(_options(gptq=("bits=4",)))


@pytest.mark.usefixtures("all_there")
def test_a_quantized_checkpoint_needs_no_flag_and_takes_the_right_one() -> None:
    assert quantization(_options(), _config(GPTQ), "cuda") is None
    assert quantization(_options(gptq=("wbits=4", "groupsize=128")), _config(GPTQ), "cuda") is None
    assert quantization(_options(gptq_wbits=4), _config(GPTQ), "cuda") is None


@pytest.mark.usefixtures("all_there")
@pytest.mark.parametrize(
    ("changes", "described", "said"),
    [
        ({"gptq": ("wbits=8",)}, GPTQ, "has bits 4, not 8"),
        ({"gptq": ("wbits=4", "groupsize=64")}, GPTQ, "has group_size 128, not 64"),
        ({"gptq": ("wbits=4",)}, None, "--gptq: the checkpoint says nothing of it"),
        ({"awq_wbits": 4}, GPTQ, "--awq-wbits: the checkpoint is quantized by gptq already"),
        ({"load_8bit": True}, GPTQ, "--load-8bit: the checkpoint is quantized by gptq already"),
        ({"load_8bit": True, "load_4bit": True}, None, "exclude each other"),
        ({"cpu_offloading": True}, None, "--cpu-offloading is for --load-8bit"),
    ],
)
def test_what_contradicts_the_checkpoint_is_refused(
    changes: dict[str, Any], described: Any, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        quantization(_options(**changes), _config(described), "cuda")


@pytest.mark.parametrize(
    ("changes", "described", "extra"),
    [
        ({"load_8bit": True}, None, "model_worker"),
        ({"load_4bit": True}, None, "model_worker"),
        ({}, GPTQ, "gptq"),
        ({}, {"quant_method": "awq"}, "gptq"),
    ],
)
def test_a_missing_package_names_its_extra(
    changes: dict[str, Any], described: Any, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=rf"pip install 'fschat\[{extra}\]'"):
        quantizing.quantization(_options(**changes), _config(described), "cuda")


@pytest.mark.usefixtures("all_there")
def test_an_order_that_the_checkpoint_does_not_have_is_refused() -> None:
    described, asked = GPTQ | {"desc_act": False}, _options(gptq_wbits=4, gptq_act_order=True)
    with pytest.raises(ConfigError, match="--gptq-act-order"):
        quantization(asked, _config(described), "cuda")
    assert quantization(asked, _config(GPTQ | {"desc_act": True}), "cuda") is None


@pytest.mark.parametrize("flag", ["gptq_ckpt", "awq_ckpt"])
def test_weights_may_lie_beside_the_model(tmp_path: Path, flag: str) -> None:
    weights: dict[str, Any] = {flag: str(tmp_path / "model.safetensors")}
    with pytest.raises(ConfigError, match=r"there is no config.json beside it"):
        weights_folder(_options(**weights))
    (tmp_path / "config.json").write_text("{}")
    folder: dict[str, Any] = {flag: str(tmp_path)}
    assert weights_folder(_options(**weights)) == weights_folder(_options(**folder)) == tmp_path
    assert weights_folder(_options()) is None
