"""How a checkpoint makes one vector of a text: what the files of sentence-transformers beside it
say, and the mean over its tokens where there are none."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastchat.core.errors import ConfigError

# Reads a file of the checkpoint, wherever that is; None when it has no such file.
Find = Callable[[str], Path | None]

MODULES = "modules.json"
_OLD_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_ACTIVATIONS = {
    "torch.nn.modules.linear.Identity": "identity",
    "torch.nn.modules.activation.Tanh": "tanh",
    "torch.nn.modules.activation.ReLU": "relu",
    "torch.nn.modules.activation.GELU": "gelu",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Dense:
    """A layer behind the pooling. `weights` is a file of safetensors."""

    weights: Path
    activation: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """`modes` of pooling, their results put one behind the other; `prompt` stands before each text;
    `longest` None: as long as the model can."""

    modes: tuple[str, ...] = ("mean",)
    dense: tuple[Dense, ...] = ()
    longest: int | None = None
    prompt: str = ""
    lower_case: bool = False


def recipe(find: Find) -> Recipe | None:
    """None for a checkpoint that says nothing about vectors. Raises `ConfigError` for what it says
    and nobody here understands: other vectors than it was trained for would be of no use."""
    modules = _read(find, MODULES)
    if modules is None:
        return None
    modes: tuple[str, ...] = ()
    dense = []
    for module in modules:
        kind, path = str(module["type"]).rpartition(".")[2], str(module["path"])
        if kind == "Pooling":
            modes = _modes(_read(find, f"{path}/config.json") or {})
        elif kind == "Dense":
            dense.append(_dense(find, path))
        elif kind not in ("Transformer", "Normalize"):  # vectors have length 1 in any case
            raise ConfigError(f"{MODULES}: the module {module['type']} is not known here")
    about = _read(find, "sentence_bert_config.json") or {}
    return Recipe(
        modes=modes or ("mean",),
        dense=tuple(dense),
        longest=about.get("max_seq_length"),
        prompt=_prompt(_read(find, "config_sentence_transformers.json") or {}),
        lower_case=bool(about.get("do_lower_case")),
    )


def _modes(config: Mapping[str, Any]) -> tuple[str, ...]:
    named = config.get("pooling_mode")
    if named is not None:
        modes = (named,) if isinstance(named, str) else tuple(named)
    else:
        modes = tuple(mode for key, mode in _OLD_MODES.items() if config.get(key))
    for mode in modes:
        if mode not in _OLD_MODES.values():
            raise ConfigError(f"pooling {mode!r} is not known here")
    return modes or ("mean",)


def _dense(find: Find, path: str) -> Dense:
    config = _read(find, f"{path}/config.json") or {}
    activation = _ACTIVATIONS.get(config.get("activation_function", ""))
    weights = find(f"{path}/model.safetensors")
    if activation is None or weights is None:
        raise ConfigError(
            f"the layer {path} needs a known activation (it has "
            f"{config.get('activation_function')}) and weights in model.safetensors"
        )
    return Dense(weights=weights, activation=activation)


def _prompt(config: Mapping[str, Any]) -> str:
    name = config.get("default_prompt_name")
    return str((config.get("prompts") or {})[name]) if name else ""


def _read(find: Find, name: str) -> Any:
    path = find(name)
    return None if path is None else json.loads(path.read_text(encoding="utf-8"))


def found_in(source: str, revision: str) -> Find:
    """Files of a folder, or of a repository on the hub."""
    from transformers.utils import cached_file

    source = str(Path(source).expanduser())  # no shell does so behind "NAME="

    def find(name: str) -> Path | None:
        path = cached_file(
            source,
            name,
            revision=revision,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
        return None if path is None else Path(path)

    return find
