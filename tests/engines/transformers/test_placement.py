"""What accelerate is told about where layers go, for machines that are not here."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fastchat.core.errors import ConfigError
from fastchat.engines.transformers.options import Options
from fastchat.engines.transformers.placement import (
    chosen_device,
    free_ram_bytes,
    placement,
    remove_with,
)

pytestmark = pytest.mark.transformers

Machine = Callable[[int, str], None]
GIB = 2**30


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """So many accelerators, each with 10 GiB free."""

    def pretend(count: int, kind: str = "cuda") -> None:
        import torch

        for name, value in (
            ("is_available", count > 0),
            ("device_count", count),
            ("current_accelerator", SimpleNamespace(type=kind) if count else None),
        ):
            monkeypatch.setattr(torch.accelerator, name, lambda value=value: value)
        monkeypatch.setattr(torch.accelerator, "get_memory_info", lambda _: (10 * GIB, 16 * GIB))

    return pretend


def _options(**changes: Any) -> Options:
    return Options(**{"model": "m", "names": ("m",), **changes})


@pytest.mark.parametrize("kind", ["cuda", "xpu", "npu", "mps"])
def test_the_device_that_is_there_is_taken_and_may_be_named(machine: Machine, kind: str) -> None:
    machine(1, kind)
    assert chosen_device(_options()) == chosen_device(_options(device=kind)) == kind
    assert chosen_device(_options(device="cpu")) == "cpu"


def test_one_gpu_of_several_is_named_by_its_number(machine: Machine) -> None:
    machine(4, "cuda")
    device = chosen_device(_options(gpus="2"))
    assert placement(_options(gpus="2"), device) == {"device_map": {"": "cuda:2"}}
    with pytest.raises(ConfigError, match="this machine has 4"):
        chosen_device(_options(gpus="4"))


@pytest.mark.parametrize(
    ("flags", "memory"),
    [
        ({"num_gpus": 2}, {0: int(8.5 * GIB), 1: int(8.5 * GIB)}),
        ({"num_gpus": 2, "max_gpu_memory": "13GiB"}, {0: "13GiB", 1: "13GiB"}),
        ({"num_gpus": 2, "gpus": "3,1"}, {3: int(8.5 * GIB), 1: int(8.5 * GIB)}),
        ({"max_gpu_memory": "4GiB"}, {0: "4GiB"}),
    ],
)
def test_layers_are_spread_over_gpus(
    machine: Machine, flags: dict[str, Any], memory: dict[int, Any]
) -> None:
    machine(4, "cuda")
    words = placement(_options(**flags), "cuda", is_quantized=True)
    assert (words["device_map"], words["max_memory"]) == ("auto", memory)
    rest = placement(_options(**flags), "cuda")["max_memory"]["cpu"]
    assert 0 < rest < free_ram_bytes()


def layers_by_device(words: dict[str, Any]) -> Counter[Any]:
    """Where transformers puts the parts of a model of Llama's shape with 13 GiB of weights."""
    import torch
    import transformers
    from transformers.integrations.accelerate import _get_device_map

    config = transformers.LlamaConfig(hidden_size=4096, intermediate_size=11008, vocab_size=32000)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float16)
    places = _get_device_map(model, words["device_map"], dict(words["max_memory"]), None)
    return Counter(place for name, place in places.items() if ".layers." in name)


def test_each_of_two_gpus_gets_half_of_the_layers(machine: Machine) -> None:
    machine(2, "cuda")
    words = placement(_options(num_gpus=2, max_gpu_memory="20GiB"), "cuda")
    assert layers_by_device(words) == {0: 16, 1: 16}


def test_a_small_gpu_is_filled_and_the_rest_goes_on(machine: Machine) -> None:
    machine(2, "cuda")
    of_one = placement(_options(max_gpu_memory="5GiB"), "cuda", is_quantized=True)
    layers = layers_by_device(of_one | {"max_memory": of_one["max_memory"] | {"cpu": 4 * GIB}})
    assert set(layers) == {0, "cpu", "disk"}
    assert layers.total() == 32


def test_a_model_that_memory_cannot_hold_is_read_from_disk_in_part(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine(0, "cpu")
    fits = placement(_options(), "cpu", weights_bytes=1)
    assert fits == {"device_map": {"": "cpu"}}
    words = placement(_options(), "cpu", weights_bytes=2 * free_ram_bytes())
    assert set(words["max_memory"]) == {"cpu"}
    assert "read from disk for each token" in caplog.text


def test_what_does_not_fit_stays_on_the_cpu_when_that_is_asked_for(machine: Machine) -> None:
    machine(1, "cuda")
    memory = placement(_options(cpu_offloading=True, load_8bit=True), "cuda")["max_memory"]
    assert set(memory) == {0, "cpu"}
    assert 0 < memory["cpu"] < free_ram_bytes()


def test_more_gpus_than_there_are_is_an_error(machine: Machine) -> None:
    machine(1, "cuda")
    with pytest.raises(ConfigError, match="--num-gpus 2: PyTorch sees 1"):
        placement(_options(num_gpus=2), "cuda")


def test_the_folder_for_the_rest_goes_with_the_model(machine: Machine) -> None:
    machine(2, "cuda")
    words = placement(_options(num_gpus=2), "cuda")
    folder = Path(words["offload_folder"])
    assert folder.is_dir()

    class Model:
        pass

    model = Model()
    remove_with(model, words)
    del model
    assert not folder.exists()
