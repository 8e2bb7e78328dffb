"""Where a model's layers go: which device, how much of each GPU, what stays on CPU or disk."""

import logging
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastchat.core.errors import ConfigError
from fastchat.engines.transformers.options import Options

logger = logging.getLogger(__name__)

# Of the free memory of each device, what weights may take when they are spread over several.
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


def placement(
    options: Options, device: str, *, is_quantized: bool = False, weights_bytes: int = 0
) -> dict[str, Any]:
    """Words of `from_pretrained`. Several GPUs get equal parts, so that each has room for its part
    of the cache; what they cannot hold goes to the CPU's memory, and what that cannot hold is read
    from disk each time. Raises `ConfigError`."""
    import torch

    spread = options.num_gpus > 1 or options.max_gpu_memory is not None or options.cpu_offloading
    if device == "cpu" and (spread or options.gpus is not None):
        raise ConfigError(
            "--gpus, --num-gpus, --max-gpu-memory and --cpu-offloading are for GPUs, and this runs "
            "on the CPU: leave them out"
        )
    if device == "cpu":
        return _on_cpu(weights_bytes)
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
    if options.cpu_offloading or not is_quantized:  # few bits are for GPUs, unless told otherwise
        memory["cpu"] = _ram_for_weights()
    return _spread(memory)


def weights_size(source: str, config: Any, dtype: Any) -> int:
    """Bytes in memory of a checkpoint's files, which may be of another type; 0: not known."""
    stored = getattr(config, "dtype", None) or dtype
    files = sum(file.stat().st_size for file in Path(source).glob("*.safetensors"))
    return files * int(dtype.itemsize) // int(stored.itemsize)


def _on_cpu(weights_bytes: int) -> dict[str, Any]:
    room = _ram_for_weights()
    if weights_bytes <= room:
        return {"device_map": {"": "cpu"}}
    logger.warning(
        "the weights take %.1f GiB, and of the memory that is free they may have %.1f: what is "
        "beyond is read from disk for each token, which is slow; --load-4bit takes a quarter",
        weights_bytes / 2**30,
        room / 2**30,
    )
    return _spread({"cpu": room})


def _spread(memory: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "device_map": "auto",
        "max_memory": memory,
        "offload_folder": tempfile.mkdtemp(prefix="fastchat-offload-"),
    }


def _ram_for_weights() -> int:
    return int(free_ram_bytes() * _SPREAD_SHARE)


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
