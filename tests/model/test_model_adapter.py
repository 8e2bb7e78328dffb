import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from fastchat.conversation import Conversation, get_conv_template
from fastchat.core.errors import ConfigError
from fastchat.model import model_adapter
from fastchat.model.model_adapter import (
    BaseModelAdapter,
    add_model_args,
    get_conversation_template,
    get_model_adapter,
    load_model,
    model_adapters,
    register_model_adapter,
)
from tests.compat.make_goldens import GOLDENS

ORIGINAL = json.loads((GOLDENS / "families.json").read_text("utf-8"))["models"]


@pytest.fixture(autouse=True)
def _nothing_registered() -> Iterator[None]:
    yield
    model_adapter.model_adapters.clear()


class CustomAdapter(BaseModelAdapter):
    """The guide's example."""

    def match(self, model_path: str) -> bool:
        return "custom-model" in model_path

    def load_model(self, model_path: str, kwargs: dict[str, Any]) -> tuple[Any, Any]:
        return f"model of {model_path}", f"tokenizer with {kwargs}"


class VicunaLikeAdapter(BaseModelAdapter):
    def match(self, model_path: str) -> bool:
        return "vicuna" in model_path or "custom" in model_path

    def get_default_conv_template(self, model_path: str) -> Conversation:
        return get_conv_template("chatglm")


@pytest.mark.parametrize("name", sorted(ORIGINAL))
def test_a_known_model_gets_the_template_of_the_original(name: str) -> None:
    _, template = ORIGINAL[name]
    assert get_conversation_template(name) == get_conv_template(template)


def test_the_adapter_of_the_guide_is_used() -> None:
    register_model_adapter(CustomAdapter)
    adapter = get_model_adapter("my/custom-model-7b")
    assert isinstance(adapter, CustomAdapter)
    assert adapter.load_model("x", {}) == ("model of x", "tokenizer with {}")
    assert get_conversation_template("my/custom-model-7b").name == "one_shot"


def test_what_is_registered_is_asked_before_the_families() -> None:
    assert get_conversation_template("lmsys/vicuna-7b-v1.5").name == "vicuna_v1.1"
    register_model_adapter(VicunaLikeAdapter)
    assert get_conversation_template("lmsys/vicuna-7b-v1.5").name == "chatglm"


def test_what_is_registered_leaves_other_models_alone() -> None:
    register_model_adapter(CustomAdapter)
    assert get_conversation_template("lmsys/vicuna-7b-v1.5").name == "vicuna_v1.1"


def test_the_first_registered_is_asked_first() -> None:
    register_model_adapter(CustomAdapter)
    register_model_adapter(VicunaLikeAdapter)
    assert isinstance(get_model_adapter("custom-model"), CustomAdapter)


def test_the_last_part_of_the_path_decides_before_the_whole() -> None:
    register_model_adapter(CustomAdapter)
    register_model_adapter(VicunaLikeAdapter)
    assert isinstance(get_model_adapter("/custom-model/vicuna/"), VicunaLikeAdapter)
    assert isinstance(get_model_adapter("/custom-model/step-500"), CustomAdapter)


def test_the_adapter_of_a_family_matches_its_own_models() -> None:
    adapter = get_model_adapter("lmsys/vicuna-7b-v1.5")
    assert adapter.match("lmsys/vicuna-13b-v1.5")
    assert not adapter.match("gpt2")


def test_a_missing_transformers_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ConfigError, match=r"pip install 'fschat\[model_worker\]'"):
        BaseModelAdapter().load_model("gpt2", {})


@pytest.mark.parametrize(
    ("given", "trusted"), [({}, False), ({"trust_remote_code": True, "revision": "v2"}, True)]
)
def test_code_from_the_hub_runs_only_when_asked_for(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], trusted: bool
) -> None:
    def loader(kind: str) -> SimpleNamespace:
        return SimpleNamespace(from_pretrained=lambda path, **kwargs: (kind, path, kwargs))

    library = SimpleNamespace(AutoTokenizer=loader("tokens"), AutoModelForCausalLM=loader("model"))
    monkeypatch.setitem(sys.modules, "transformers", library)
    model, tokenizer = BaseModelAdapter().load_model("gpt2", given)
    assert model == ("model", "gpt2", given)
    assert tokenizer[2]["trust_remote_code"] is trusted
    assert tokenizer[2]["revision"] == given.get("revision", "main")


def test_importing_the_package_loads_nothing_heavy() -> None:
    ask = "import sys, fastchat.model; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True)
    assert "fastchat.model.families" in done.stdout.split()
    assert not {"torch", "transformers", "numpy", "aiohttp", "fastapi"} & set(done.stdout.split())
    assert "fastchat.model.families.vicuna" not in done.stdout.split()


class Placed:
    def __init__(self, kwargs: dict[str, Any]) -> None:
        self.kwargs = kwargs
        self.device = ""

    def to(self, device: str) -> None:
        self.device = device


class PlacedAdapter(CustomAdapter):
    def load_model(self, model_path: str, kwargs: dict[str, Any]) -> tuple[Any, Any]:
        return Placed(kwargs), "tokenizer"


def test_a_script_loads_a_model_with_the_old_words() -> None:
    register_model_adapter(PlacedAdapter)
    model, tokenizer = load_model("a/custom-model", "cpu", dtype="float16", revision="v2")
    assert (model.device, tokenizer) == ("cpu", "tokenizer")
    assert model.kwargs == {"revision": "v2", "dtype": "float16"}
    assert [type(adapter) for adapter in model_adapters] == [PlacedAdapter]


@pytest.mark.parametrize(
    "asked", [{"num_gpus": 2}, {"load_8bit": True}, {"gptq_config": object()}, {"xft_config": {}}]
)
def test_what_load_model_cannot_do_is_refused_by_name(asked: dict[str, Any]) -> None:
    register_model_adapter(PlacedAdapter)
    with pytest.raises(ConfigError, match=next(iter(asked))):
        load_model("custom-model", "cpu", **asked)


def test_the_old_flags_are_read_by_their_names() -> None:
    parser = argparse.ArgumentParser()
    add_model_args(parser)
    args = parser.parse_args(["--model-path", "m", "--device", "cpu", "--load-8bit"])
    assert (args.model_path, args.device, args.num_gpus, args.load_8bit) == ("m", "cpu", 1, True)
    assert (args.revision, args.dtype, args.max_gpu_memory) == ("main", None, None)
