from types import SimpleNamespace

import pynvml

from fastchat.worker.gpu import find_gpus

MIB = 1024 * 1024


class Driver:
    """Two cards; one of them is lost when it is asked."""

    NVMLError: type[Exception] = KeyError
    nvmlMemory_v2 = 2

    def __init__(self, *, present: bool = True, lost: int | None = None, old: bool = False) -> None:
        self.present = present
        self.old = old
        self.lost = lost

    def nvmlInit(self) -> None:
        if not self.present:
            raise KeyError

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index > 1:
            raise KeyError
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:
        return {"GPU-b": 1}[uuid]

    def nvmlDeviceGetMemoryInfo(self, handle: int, version: int | None = None) -> SimpleNamespace:
        if handle == self.lost or (version and self.old):
            raise KeyError
        own = 0 if version else MIB  # what the driver keeps for itself
        return SimpleNamespace(used=(handle + 1) * MIB + own, total=10 * MIB)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=50)


def test_all_cards_count_unless_some_are_named() -> None:
    assert find_gpus(Driver(), None).used_mb() == 3
    assert find_gpus(Driver(), ("1",)).used_mb() == 2
    assert find_gpus(Driver(), ("GPU-b",)).used_bytes() == 2 * MIB
    assert find_gpus(Driver(), ()).used_mb() == 0


def test_an_old_driver_counts_what_it_keeps_for_itself() -> None:
    assert find_gpus(Driver(old=True), ("0",)).used_mb() == 2


def test_each_card_tells_how_busy_it_is() -> None:
    assert find_gpus(Driver(), None).utilization() == {("0",): 0.5, ("1",): 0.5}


def test_a_card_that_was_lost_is_left_out() -> None:
    assert find_gpus(Driver(lost=1), None).total_bytes() == 10 * MIB


def test_without_a_driver_or_the_named_card_there_is_nothing_to_tell() -> None:
    for gpus in (find_gpus(Driver(present=False), None), find_gpus(Driver(), ("7",))):
        assert (gpus.used_mb(), gpus.utilization()) == (0, {})


def test_the_drivers_own_library_can_be_asked_anywhere() -> None:
    assert find_gpus(pynvml, ()).used_bytes() == 0
