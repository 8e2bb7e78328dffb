"""Which template makes a model's prompts."""

from collections.abc import Iterator

import pytest

from fastchat.conversation import Conversation, get_conv_template
from fastchat.core.errors import ConfigError
from fastchat.model import model_adapter
from fastchat.model.choice import chosen_template, fallback
from fastchat.model.model_adapter import BaseModelAdapter, register_model_adapter
from tests.scripted import ScriptedEngine

OWN = ScriptedEngine()
WITHOUT = ScriptedEngine(features=frozenset())


@pytest.fixture(autouse=True)
def nothing_registered() -> Iterator[None]:
    before = list(model_adapter.model_adapters)
    yield
    model_adapter.model_adapters[:] = before


@pytest.mark.parametrize(
    ("path", "engine", "asked_for", "name"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", OWN, None, None),
        ("Qwen/Qwen-7B-Chat", WITHOUT, None, "qwen-7b-chat"),
        ("lmsys/vicuna-7b-v1.5", OWN, None, "vicuna_v1.1"),
        ("lmsys/vicuna-7b-v1.5", WITHOUT, None, "vicuna_v1.1"),
        ("lmsys/vicuna-7b-v1.5", OWN, "alpaca", "alpaca"),
        ("somebody/model-of-no-family", OWN, None, None),
        ("somebody/model-of-no-family", WITHOUT, None, None),
        ("somebody/model-of-no-family", WITHOUT, "one_shot", "one_shot"),
    ],
)
def test_what_is_asked_for_then_the_familys_or_the_models_own(
    path: str, engine: ScriptedEngine, asked_for: str | None, name: str | None
) -> None:
    chosen = chosen_template(path, engine, asked_for)
    assert (chosen and chosen.template.name) == name


def test_a_users_adapter_comes_before_the_model() -> None:
    class Mine(BaseModelAdapter):
        def match(self, model_path: str) -> bool:
            return "vicuna" in model_path

        def get_default_conv_template(self, model_path: str) -> Conversation:
            return get_conv_template("one_shot")

    register_model_adapter(Mine)
    chosen = chosen_template("lmsys/vicuna-7b-v1.5", OWN, None)
    assert chosen is not None
    assert chosen.template.name == "one_shot"


def test_example_turns_that_nobody_asked_for_end_the_start() -> None:
    class Silent(BaseModelAdapter):
        def match(self, model_path: str) -> bool:
            return "custom" in model_path

    register_model_adapter(Silent)
    with pytest.raises(ConfigError, match=r"Silent names no template.*--conv-template one_shot"):
        fallback("custom-model", has_own=False)
    assert fallback("custom-model", has_own=True) is None
