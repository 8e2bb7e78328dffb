"""One LoRA adapter: what its files say, as matrices beside the layers that they change."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastchat.core.errors import InvalidRequest
from fastchat.engines.transformers.sentences import Find

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

_PREFIX = "base_model.model."
# What an adapter may be beyond two matrices a layer: it would answer otherwise than it was trained.
_BEYOND = (
    "use_dora",
    "modules_to_save",
    "trainable_token_indices",
    "target_parameters",
    "layer_replication",
    "lora_bias",
    "use_qalora",
    "alora_invocation_tokens",
)

Layers = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Matrices:
    """`up` bears the adapter's scale."""

    down: Any
    up: Any

    def __call__(self, x: Any) -> Any:
        return (x.to(self.down.dtype) @ self.down.T) @ self.up.T


@dataclass(eq=False, slots=True)
class Adapter:
    """`serial` tells it from every other that this process has loaded; `users` are the requests
    that it answers now."""

    serial: int
    layers: Mapping[str, Matrices]
    users: int = 0


def read_adapter(name: str, find: Find, layers: Layers, dtype: Any) -> Mapping[str, Matrices]:
    """For the layers of a model. Raises `InvalidRequest` with what is the matter: nothing of an
    adapter is left out in silence. Blocks."""
    config_path, weights_path = find(CONFIG), find(WEIGHTS)
    if config_path is None or weights_path is None:
        raise _refused(name, f"there is no {CONFIG if config_path is None else WEIGHTS}")
    config = json.loads(config_path.read_text(encoding="utf-8"))
    if config.get("peft_type") != "LORA":
        raise _refused(name, f"it is no LoRA but {config.get('peft_type')}")
    beyond = [key for key in _BEYOND if config.get(key)]
    if config.get("bias", "none") != "none":
        beyond.append("bias")
    if beyond:
        raise _refused(name, f"{', '.join(beyond)} cannot be served: merge it into its base model")
    return dict(_matrices(name, config, weights_path, layers, dtype))


def _matrices(
    name: str, config: Mapping[str, Any], path: Path, layers: Layers, dtype: Any
) -> Iterator[tuple[str, Matrices]]:
    from safetensors.torch import load_file

    weights = load_file(path)
    for key in weights:
        layer = key.removeprefix(_PREFIX).removesuffix(".lora_A.weight")
        if key != f"{_PREFIX}{layer}.lora_A.weight" and not key.endswith(".lora_B.weight"):
            raise _refused(name, f"nobody here knows what {key} is")
        if not key.endswith(".lora_A.weight"):
            continue
        module = layers.get(layer)
        if module is None:
            raise _refused(name, f"the model has no layer {layer} that can be adapted")
        down, up = weights[key], weights.get(f"{_PREFIX}{layer}.lora_B.weight")
        if up is None or down.shape != (up.shape[1], module.in_size) or len(up) != module.out_size:
            raise _refused(name, f"it was made for another model: {layer} has another shape")
        device = module.device
        up = up.float() * _scale(config, layer, rank=len(down))
        yield layer, Matrices(down.to(device, dtype), up.to(device, dtype))


def _scale(config: Mapping[str, Any], layer: str, *, rank: int) -> float:
    alpha = float(config.get("lora_alpha") or 8)
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if re.fullmatch(rf"(.*\.)?({pattern})", layer):
            alpha = float(value)
            break
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _refused(name: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"The adapter {name!r} cannot be used: {reason}.", param="lora_path")
