"""Memory and use of the NVIDIA cards that this process may use, as their driver tells it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

MB = 1024 * 1024


class Nvml(Protocol):
    """What is used of `pynvml`, the driver's own library."""

    NVMLError: type[Exception]
    nvmlMemory_v2: Any

    def nvmlInit(self) -> None: ...
    def nvmlDeviceGetCount(self) -> int: ...
    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any: ...
    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Any: ...
    def nvmlDeviceGetMemoryInfo(self, handle: Any, version: Any = None) -> Any: ...
    def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Gpus:
    """`cards` are the library's handles, by name. Without any there is nothing to tell: zeros."""

    nvml: Nvml
    cards: Mapping[str, Any] = field(default_factory=dict)

    def used_bytes(self) -> float:
        """Whoever uses it: a child server's share is this worker's."""
        return self._memory("used")

    def used_mb(self) -> float:
        return self._memory("used") / MB

    def total_bytes(self) -> float:
        return self._memory("total")

    def utilization(self) -> Mapping[tuple[str, ...], float]:
        """The part of the last moment in which each card computed."""
        found: dict[tuple[str, ...], float] = {}
        for name, card in self.cards.items():
            with self._lost_cards_tell_nothing():
                found[(name,)] = self.nvml.nvmlDeviceGetUtilizationRates(card).gpu / 100
        return found

    def _memory(self, kind: str) -> float:
        total = 0.0
        for card in self.cards.values():
            with self._lost_cards_tell_nothing():
                total += getattr(self._told(card), kind)
        return total

    def _told(self, card: Any) -> Any:
        """Without what the driver keeps for itself, as in `nvidia-smi`; old ones count it."""
        try:
            return self.nvml.nvmlDeviceGetMemoryInfo(card, self.nvml.nvmlMemory_v2)
        except self.nvml.NVMLError:
            return self.nvml.nvmlDeviceGetMemoryInfo(card)

    @contextmanager
    def _lost_cards_tell_nothing(self) -> Iterator[None]:
        try:
            yield
        except self.nvml.NVMLError:
            return


def find_gpus(nvml: Nvml, visible: Sequence[str] | None) -> Gpus:
    """`visible` are numbers or ids, as in CUDA_VISIBLE_DEVICES; None means all."""
    try:
        nvml.nvmlInit()
        if visible is None:
            visible = [str(number) for number in range(nvml.nvmlDeviceGetCount())]
        return Gpus(nvml, {name: _card(nvml, name) for name in visible})
    except nvml.NVMLError:  # no driver, or no such card
        return Gpus(nvml)


def _card(nvml: Nvml, name: str) -> Any:
    if name.isdecimal():
        return nvml.nvmlDeviceGetHandleByIndex(int(name))
    return nvml.nvmlDeviceGetHandleByUUID(name)
