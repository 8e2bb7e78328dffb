"""Where a model's layers go: which device, how much of each GPU, what stays on CPU or disk."""

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from typing import Any

from fastchat.core.errors import ConfigError
from fastchat.engines.transformers.options import Options

# Free memory of each GPU that is left for the cache when a model is spread over several.
_SPREAD_SHARE = 0.85


def chosen_device(options: Options) -> str:
    """Raises `ConfigError` for a device that is not there."""
    import torch

    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if options.device == "cpu":
        return "cpu"
    if options.device is None:
        kind = found.type if found is not None else "cpu"
    elif found is None or found.type != options.device:
        raise ConfigError(
            f"the device {options.device} was asked for, but PyTorch {torch.__version__} sees "
            f"{found.type if found is not None else 'no accelerator'}: install the build of "
            "PyTorch for that device, or leave --device out"
        )
    else:
        kind = options.device
    indices = gpu_indices(options)
    if kind == "cpu" or not indices:
        return kind
    count = torch.accelerator.device_count()
    if max(indices) >= count:
        raise ConfigError(f"--gpus {options.gpus}: this machine has {count} (from 0)")
    return f"{kind}:{indices[0]}"


def gpu_indices(options: Options) -> list[int]:
    """Raises `ConfigError`."""
    if options.gpus is None:
        return []
    words = options.gpus.replace(",", " ").split()
    if not words or not all(word.isdecimal() for word in words):
        raise ConfigError(f"--gpus {options.gpus}: give numbers of GPUs such as 0,2")
    if len(words) < options.num_gpus:
        raise ConfigError(f"--gpus {options.gpus} are fewer than --num-gpus {options.num_gpus}")
    return [int(word) for word in words]


def placement(options: Options, device: str) -> dict[str, Any]:
    """Words of `from_pretrained`. What fits nowhere goes to a folder of its own, and is read from
    there each time. Raises `ConfigError`."""
    import torch

    spread = options.num_gpus > 1 or options.max_gpu_memory is not None or options.cpu_offloading
    if device == "cpu" and (spread or options.gpus is not None):
        raise ConfigError(
            "--gpus, --num-gpus, --max-gpu-memory and --cpu-offloading are for GPUs, and this runs "
            "on the CPU: leave them out"
        )
    if not spread:
        return {"device_map": {"": device}}
    count = torch.accelerator.device_count()
    if options.num_gpus > count:
        raise ConfigError(f"--num-gpus {options.num_gpus}: PyTorch sees {count}")
    indices = (gpu_indices(options) or list(range(count)))[: options.num_gpus]
    memory: dict[Any, Any] = {
        index: options.max_gpu_memory or int(_free_bytes(index) * _SPREAD_SHARE)
        for index in indices
    }
    if options.cpu_offloading:
        memory["cpu"] = int(free_ram_bytes() * _SPREAD_SHARE)
    return {
        "device_map": "auto" if options.max_gpu_memory else "sequential",
        "max_memory": memory,
        "offload_folder": tempfile.mkdtemp(prefix="fastchat-offload-"),
    }


def _free_bytes(index: int) -> int:
    import torch

    free: int = torch.accelerator.get_memory_info(index)[0]
    return free


def remove_with(model: object, words: Mapping[str, Any]) -> None:
    """The folder of `placement` goes when the model does, or with the process."""
    if "offload_folder" in words:
        weakref.finalize(model, shutil.rmtree, words["offload_folder"], ignore_errors=True)


def free_ram_bytes() -> int:
    with open("/proc/meminfo", encoding="ascii") as file:
        sizes = {line.split(":")[0]: int(line.split()[1]) for line in file}
    return sizes["MemAvailable"] * 1024
