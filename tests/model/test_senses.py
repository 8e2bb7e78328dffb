"""A checkpoint's own folder tells whether it sees or hears."""

import json
from pathlib import Path

import pytest

from fastchat.model.senses import missing_senses


@pytest.mark.parametrize(
    ("config", "missing"),
    [
        ({"model_type": "llama", "hidden_size": 8}, {"vision", "audio"}),
        ({"model_type": "llava", "vision_config": {}, "image_token_index": 7}, {"audio"}),
        ({"model_type": "qwen", "visual": {}}, {"audio"}),
        ({"model_type": "phi3_v", "img_processor": {}}, {"audio"}),
        ({"model_type": "ultravox", "audio_config": {}}, {"vision"}),
        ({"thinker_config": {"vision_config": {}, "audio_config": {}}}, set()),
        ({"model_type": "vision", "architectures": ["image"]}, {"vision", "audio"}),
    ],
)
def test_the_configuration_names_what_sees(
    tmp_path: Path, config: dict[str, object], missing: set[str]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert missing_senses(str(tmp_path)) == missing


def test_where_nothing_is_told_nothing_is_missing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"\xff")
    for model in (None, "org/some-model", str(tmp_path)):
        assert missing_senses(model) == set()


def test_a_file_of_llama_cpp_sees_through_another_one() -> None:
    assert missing_senses("m.gguf") == {"vision", "audio"}
    assert missing_senses("m.gguf", ["--mmproj", "eyes.gguf"]) == set()
