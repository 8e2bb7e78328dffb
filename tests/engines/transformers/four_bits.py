"""Checkpoints of four bits as GPTQ and AWQ store them, of real weights, rounded to the nearest.

How they are stored: https://huggingface.co/docs/transformers/quantization/awq and the kernels of
gptqmodel. Eight numbers lie in one of 32 bits, AWQ's in an order of their own.
"""

import json
import shutil
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors.torch import load_file, save_file

GROUP = 64
Method = Literal["gptq", "awq"]

_ORDER = {"gptq": range(8), "awq": (0, 2, 4, 6, 1, 3, 5, 7)}
_COMMON = {"bits": 4, "group_size": GROUP}
_CONFIGS: dict[Method, dict[str, Any]] = {
    "gptq": _COMMON | {"desc_act": False, "sym": False, "checkpoint_format": "gptq"},
    "awq": _COMMON | {"zero_point": True, "version": "gemm"},
}


class Rounded(NamedTuple):
    """A layer of `inputs` x `outputs`: weight = (number - zero) * scale of its group of inputs."""

    numbers: torch.Tensor  # inputs x outputs, 0 to 15
    zeros: torch.Tensor  # groups x outputs, 1 to 15
    scales: torch.Tensor  # groups x outputs

    def weight(self) -> torch.Tensor:
        """As a linear layer holds it: outputs x inputs."""
        zeros, scales = (part.repeat_interleave(GROUP, 0) for part in (self.zeros, self.scales))
        return ((self.numbers - zeros) * scales.float()).T.contiguous()


def make_checkpoint(model: Path, folder: Path, method: Method | None) -> Path:
    """Without a method the rounded weights are stored as plain ones."""
    shutil.copytree(model, folder)
    stored: dict[str, torch.Tensor] = {}
    for name, weight in load_file(folder / "model.safetensors").items():
        if "_proj." not in name:
            stored[name] = weight
        elif method is None:
            stored[name] = rounded(weight).weight()
        else:
            stored |= {
                name.replace("weight", part): tensor.contiguous()
                for part, tensor in _packed(rounded(weight), method).items()
            }
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    if method is not None:
        config = json.loads((folder / "config.json").read_text())
        config["quantization_config"] = {"quant_method": method} | _CONFIGS[method]
        (folder / "config.json").write_text(json.dumps(config))
    return folder


def rounded(weight: torch.Tensor) -> Rounded:
    groups = weight.float().T.reshape(-1, GROUP, weight.shape[0])
    low, high = groups.amin(1, keepdim=True), groups.amax(1, keepdim=True)
    scales = ((high - low) / 15).clamp(min=1e-6)
    zeros = (-low / scales).round().clamp(1, 15)
    numbers = (groups / scales + zeros).round().clamp(0, 15)
    return Rounded(numbers.reshape(weight.T.shape).int(), zeros[:, 0].int(), scales[:, 0].half())


def _packed(layer: Rounded, method: Method) -> dict[str, torch.Tensor]:
    order = _ORDER[method]
    if method == "awq":
        return {
            "qweight": _words(layer.numbers, order),
            "qzeros": _words(layer.zeros, order),
            "scales": layer.scales,
        }
    return {
        "qweight": _words(layer.numbers.T, order).T,
        "qzeros": _words(layer.zeros - 1, order),
        "scales": layer.scales,
        "g_idx": (torch.arange(len(layer.numbers)) // GROUP).int(),
    }


def _words(numbers: torch.Tensor, order: Any) -> torch.Tensor:
    """Eight neighbours of the last dimension in one signed word of 32 bits."""
    eights = numbers.reshape(*numbers.shape[:-1], -1, 8).long()
    words = sum((eights[..., place] << (4 * at) for at, place in enumerate(order)), torch.tensor(0))
    return torch.where(words < 2**31, words, words - 2**32).int()
