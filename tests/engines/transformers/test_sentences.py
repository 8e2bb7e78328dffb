"""What the files beside a sentence encoder say."""

import json
from pathlib import Path
from typing import Any

import pytest

from fastchat.core.errors import ConfigError
from fastchat.engines.transformers.sentences import Find, Recipe, recipe


@pytest.fixture
def find(tmp_path: Path) -> Find:
    def found(name: str) -> Path | None:
        return tmp_path / name if (tmp_path / name).is_file() else None

    return found


def write(folder: Path, name: str, content: Any) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")


def modules(*kinds: str) -> list[dict[str, str]]:
    return [{"type": f"sentence_transformers.models.{kind}", "path": kind} for kind in kinds]


def test_a_checkpoint_without_them_has_no_recipe(find: Find) -> None:
    assert recipe(find) is None


@pytest.mark.parametrize(
    ("pooling", "modes"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, ("cls",)),
        ({"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": True}, ("max", "mean")),
        ({"pooling_mode": "lasttoken"}, ("lasttoken",)),
        ({"pooling_mode": ["mean", "max"]}, ("mean", "max")),
        ({}, ("mean",)),
    ],
)
def test_the_pooling_is_the_one_it_was_trained_with(
    tmp_path: Path, find: Find, pooling: dict[str, Any], modes: tuple[str, ...]
) -> None:
    write(tmp_path, "modules.json", modules("Transformer", "Pooling", "Normalize"))
    write(tmp_path, "Pooling/config.json", pooling)
    assert recipe(find) == Recipe(modes=modes)


def test_length_case_and_prompt_are_the_ones_it_was_trained_with(
    tmp_path: Path, find: Find
) -> None:
    write(tmp_path, "modules.json", modules("Transformer", "Pooling"))
    write(tmp_path, "sentence_bert_config.json", {"max_seq_length": 128, "do_lower_case": True})
    about = {"prompts": {"query": "query: "}, "default_prompt_name": "query"}
    write(tmp_path, "config_sentence_transformers.json", about)
    assert recipe(find) == Recipe(longest=128, lower_case=True, prompt="query: ")


@pytest.mark.parametrize(
    ("kinds", "files", "reason"),
    [
        (("Transformer", "WordWeights"), {}, "WordWeights"),
        (("Pooling",), {"Pooling/config.json": {"pooling_mode": "odd"}}, "odd"),
        (("Dense",), {"Dense/config.json": {"activation_function": "os.system"}}, "os.system"),
    ],
)
def test_what_nobody_understands_is_no_vector(
    tmp_path: Path, find: Find, kinds: tuple[str, ...], files: dict[str, Any], reason: str
) -> None:
    write(tmp_path, "modules.json", modules(*kinds))
    for name, content in files.items():
        write(tmp_path, name, content)
    with pytest.raises(ConfigError, match=reason):
        recipe(find)
