"""Whether a checkpoint sees or hears, as far as its folder tells."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from fastchat.core.generation import Feature

# How checkpoints name the part of them that sees, or hears, wherever it stands in their
# configuration: vision_config, image_token_id, visual, vq_config, img_processor; audio_config.
_NAMES: Mapping[Feature, re.Pattern[str]] = {
    "vision": re.compile(r'"\w*(?:vision|visual|image|img_|vq_|video)\w*"\s*:'),
    "audio": re.compile(r'"\w*(?:audio|speech|whisper|sound)\w*"\s*:'),
}
# For a file of llama.cpp, what sees is a file of its own.
_PROJECTOR = "mmproj"


def missing_senses(model: str | None, arguments: Iterable[str] = ()) -> frozenset[Feature]:
    """`arguments` are those of the engine that serves it. Empty where nothing is told: what is not
    in a folder here may well see."""
    if model is None:
        return frozenset()
    path = Path(model).expanduser()
    if path.suffix == ".gguf":
        has_projector = any(_PROJECTOR in word for word in arguments)
        return frozenset() if has_projector else frozenset(_NAMES)
    try:
        config = (path / "config.json").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return frozenset()
    return frozenset(sense for sense, name in _NAMES.items() if name.search(config) is None)
