"""NVIDIA's cards, as its driver tells of them, and whether PyTorch could use them."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pynvml

from fastchat.terminal.doctor.finding import DoctorConfig, Finding

# Less room than this, and hardly a model starts.
_FULL = 0.9
_OTHER = "cards of other makes are not looked for; --device of a worker names them"


def cards(config: DoctorConfig, nvml: Any = pynvml) -> Iterator[Finding]:
    try:
        nvml.nvmlInit()
    except nvml.NVMLError_LibraryNotFound:
        yield Finding("note", "no driver of NVIDIA's is here, so the CPU computes", _OTHER)
        return
    except nvml.NVMLError as error:
        yield Finding(
            "fault",
            f"the driver of the cards does not answer: {error}",
            "nvidia-smi must work first; after an update of the driver start the machine anew",
        )
        return
    try:
        count = nvml.nvmlDeviceGetCount()
        for number in range(count):
            yield _card(nvml, number)
    finally:
        nvml.nvmlShutdown()
    if count and (fault := _torch()) is not None:
        yield fault


def _card(nvml: Any, number: int) -> Finding:
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(number)
        name, memory = nvml.nvmlDeviceGetName(handle), nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError as error:
        return Finding("fault", f"card {number} does not answer: {error}", "nvidia-smi tells more")
    told = f"card {number}, {name}: {memory.used / 1e9:.1f} of {memory.total / 1e9:.1f} GB in use"
    if memory.used > _FULL * memory.total:
        return Finding("note", told, "nvidia-smi shows by whom; --gpus chooses another card")
    return Finding("ok", told)


def _torch() -> Finding | None:
    """Where cards are: a build for the CPU finds none of them."""
    try:
        built = version("torch")
    except PackageNotFoundError:
        return None
    if "+cpu" not in built:
        return None
    return Finding(
        "fault", f"PyTorch {built} is built for the CPU: it sees no card", "pip install torch anew"
    )
