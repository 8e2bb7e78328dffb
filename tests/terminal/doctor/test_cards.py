"""Cards that a fake driver tells of: the machines that test have none."""

from dataclasses import dataclass
from typing import Any

import pytest

from fastchat.terminal.doctor import cards as module
from fastchat.terminal.doctor.cards import cards
from fastchat.terminal.doctor.finding import DoctorConfig, Finding


class Fault(Exception):
    """Of the driver."""


class Missing(Fault):
    """There is none."""


@dataclass
class Memory:
    used: float
    total: float = 80e9


@dataclass
class Driver:
    """`begins` is raised at its start; `used` is what each card holds, None for a dead one."""

    used: list[float | None]
    begins: Fault | None = None
    NVMLError: Any = Fault
    NVMLError_LibraryNotFound: Any = Missing

    def nvmlInit(self) -> None:
        if self.begins is not None:
            raise self.begins

    def nvmlShutdown(self) -> None:
        """Nothing is held."""

    def nvmlDeviceGetCount(self) -> int:
        return len(self.used)

    def nvmlDeviceGetHandleByIndex(self, number: int) -> float:
        used = self.used[number]
        if used is None:
            raise Fault("GPU is lost")
        return used

    def nvmlDeviceGetName(self, handle: float) -> str:
        return "H100"

    def nvmlDeviceGetMemoryInfo(self, handle: float) -> Memory:
        return Memory(handle)


def found(driver: Driver) -> list[Finding]:
    return list(cards(DoctorConfig(), driver))


def test_each_card_is_told_with_its_memory() -> None:
    free, full, dead = found(Driver([1e9, 79e9, None]))
    assert (free.level, free.what) == ("ok", "card 0, H100: 1.0 of 80.0 GB in use")
    assert (full.level, "--gpus" in full.remedy) == ("note", True)
    assert (dead.level, dead.what) == ("fault", "card 2 does not answer: GPU is lost")


def test_a_driver_that_does_not_answer_is_a_fault_and_none_is_not() -> None:
    (fault,) = found(Driver([], Fault("Driver/library version mismatch")))
    assert (fault.level, "mismatch" in fault.what) == ("fault", True)
    (none,) = found(Driver([], Missing()))
    assert none.level == "note"


def test_a_pytorch_that_cannot_see_the_card_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "version", lambda name: "2.13.0+cpu")
    assert found(Driver([]))[-1:] == []
    assert found(Driver([1e9]))[-1].what == (
        "PyTorch 2.13.0+cpu is built for the CPU: it sees no card"
    )
