from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from fastchat.dispatch.asking import FORGET_S, Census
from fastchat.protocol.cluster import WorkerEntry


@dataclass
class Answers:
    workers: Mapping[str, deque[str]]

    async def models(self) -> list[str]:
        return list(self.workers)

    async def worker_address(self, model: str) -> str:
        addresses = self.workers[model]
        addresses.rotate()
        return addresses[0] if addresses else ""


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def census(now: list[float]) -> Census:
    return Census(lambda: now[0])


async def test_workers_are_found_one_after_another(census: Census) -> None:
    controller = Answers({"m": deque(["http://a", "http://b"])})
    first = await census.update(controller)
    second = await census.update(controller)
    third = await census.update(controller)
    assert first.snapshot
    assert [[entry.address for entry in u.put] for u in (first, second, third)] == [
        ["http://b"],
        ["http://a"],
        [],
    ]


async def test_a_worker_of_several_models_is_one_entry(census: Census) -> None:
    controller = Answers({"m": deque(["http://a"]), "n": deque(["http://a"])})
    update = await census.update(controller)
    assert update.put == (WorkerEntry(address="http://a", model_names=("m", "n")),)


async def test_who_is_no_longer_named_is_dropped(census: Census, now: list[float]) -> None:
    controller = Answers({"m": deque(["http://a"]), "n": deque(["http://b"])})
    await census.update(controller)
    controller.workers = {"m": deque(["http://a"])}
    assert (await census.update(controller)).drop == ("http://b",)
    now[0] += FORGET_S + 1
    controller.workers = {"m": deque(["http://c"])}
    assert (await census.update(controller)).drop == ("http://a",)


@pytest.mark.parametrize("address", ["", "ftp://a", "http://a b", "x" * 1000])
async def test_what_could_never_be_a_worker_is_left_out(census: Census, address: str) -> None:
    assert (await census.update(Answers({"m": deque([address])}))).put == ()
