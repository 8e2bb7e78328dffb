import asyncio
from contextlib import AsyncExitStack

import pytest

from fastchat.core.errors import Overloaded
from fastchat.core.lanes import Lane
from fastchat.worker.admission import Admission


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def admission(now: list[float]) -> Admission:
    return Admission(slots=2, queue_limit=1, clock=lambda: now[0])


async def test_slots_are_given_and_come_back(admission: Admission) -> None:
    async with admission.slot(), admission.slot():
        assert admission.queue_length == 2
    assert admission.queue_length == 0


async def test_one_over_the_slots_waits(admission: Admission) -> None:
    async with AsyncExitStack() as held:
        await held.enter_async_context(admission.slot())
        await held.enter_async_context(admission.slot())
        third = asyncio.create_task(_pass_through(admission))
        await asyncio.sleep(0)
        assert (admission.running, admission.waiting) == (2, 1)
    await third
    assert admission.queue_length == 0


async def test_one_over_the_queue_is_refused_at_once(admission: Admission) -> None:
    async with admission.slot(), admission.slot():
        waiting = asyncio.create_task(_pass_through(admission))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refused:
            await _pass_through(admission)
        assert refused.value.retry_after_s is not None
        assert refused.value.retry_after_s >= 1
    await waiting


async def test_one_who_gives_up_waiting_leaves_nothing_behind(admission: Admission) -> None:
    async with admission.slot(), admission.slot():
        waiting = asyncio.create_task(_pass_through(admission))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert admission.waiting == 0


async def test_the_advice_to_come_back_follows_the_service_time(
    admission: Admission, now: list[float]
) -> None:
    for _ in range(30):
        async with admission.slot():
            now[0] += 20
    assert 9 <= admission.retry_after_s() <= 11
    assert 18 <= admission.wait_when_full_s <= 22


async def test_without_a_queue_the_slots_still_work() -> None:
    admission = Admission(slots=1, queue_limit=0, clock=lambda: 0)
    async with admission.slot():
        with pytest.raises(Overloaded):
            await _pass_through(admission)
    await _pass_through(admission)


async def _pass_through(admission: Admission) -> None:
    async with admission.slot():
        pass


async def test_a_ticket_is_served_without_a_task_and_in_turn() -> None:
    admission = Admission(slots=1, queue_limit=2, clock=lambda: 0)
    served: list[str] = []
    first = admission.enter(lambda: served.append("first"))
    second = admission.enter(lambda: served.append("second"))
    third = admission.enter(lambda: served.append("third"))
    second.leave()  # it gives up waiting
    assert (served, admission.running, admission.waiting) == (["first"], 1, 1)
    first.leave()
    first.leave()
    assert served == ["first", "third"]
    third.leave()
    assert admission.queue_length == 0


async def test_who_waits_for_a_narrow_lane_holds_no_slot_and_lets_others_pass() -> None:
    admission = Admission(slots=4, queue_limit=2, clock=lambda: 0)
    narrow = Lane(1)
    served: list[str] = []
    tickets = [
        admission.enter(lambda name=name: served.append(name), lane)  # type: ignore[misc]
        for name, lane in (("a", narrow), ("b", narrow), ("c", narrow), ("d", None), ("e", None))
    ]
    assert (served, admission.running, admission.waiting) == (["a", "d", "e"], 3, 2)
    with pytest.raises(Overloaded) as refused:
        admission.enter(lambda: None, narrow)
    assert refused.value.retry_after_s == 3  # one runs and two wait, each for a second
    for ticket in tickets:
        ticket.leave()
    assert served == ["a", "d", "e", "b", "c"]
    assert admission.queue_length == 0


async def test_a_free_slot_goes_to_the_first_whose_lane_is_free() -> None:
    admission = Admission(slots=2, queue_limit=3, clock=lambda: 0)
    narrow = Lane(1)
    served: list[str] = []
    first, second, third, fourth = [
        admission.enter(lambda name=name: served.append(name), lane)  # type: ignore[misc]
        for name, lane in (("first", narrow), ("second", None), ("third", narrow), ("fourth", None))
    ]
    second.leave()
    assert served == ["first", "second", "fourth"]
    first.leave()
    assert served == ["first", "second", "fourth", "third"]
    for ticket in (third, fourth):
        ticket.leave()
    assert admission.queue_length == 0
