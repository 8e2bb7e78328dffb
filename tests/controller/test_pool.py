import asyncio
import logging

import pytest

from fastchat.controller.pool import WorkerPool
from fastchat.core.errors import Conflict, UnknownModel
from fastchat.protocol.cluster import Departure, HeartBeat, Registration, WorkerStatus


def registration(
    address: str = "http://localhost:1", epoch: int | None = None, speed: float = 1
) -> Registration:
    status = WorkerStatus(model_names=("m",), speed=speed, queue_length=0)
    return Registration(worker_name=address, worker_status=status, epoch=epoch)


def test_a_registered_worker_is_chosen(pool: WorkerPool) -> None:
    pool.register(registration())
    assert pool.choose("m") == "http://localhost:1"


def test_what_each_model_can_is_in_the_table(pool: WorkerPool) -> None:
    able: dict[str, tuple[str, ...]] = {"base": ("chat", "embeddings")}
    status = WorkerStatus(
        model_names=("base", "adapter"), abilities=("chat",), model_abilities=able
    )
    pool.register(Registration(worker_name="w", worker_status=status, epoch=1))
    entry = pool.table["w"]
    assert entry.abilities_of("base") == ("chat", "embeddings")
    assert entry.abilities_of("adapter") == ("chat",)


def test_a_silent_worker_is_forgotten(pool: WorkerPool, now: list[float]) -> None:
    pool.register(registration())
    now[0] = 91
    pool.sweep()
    assert pool.table.entries() == []
    assert not pool.beat(HeartBeat(worker_name="http://localhost:1", queue_length=0))


def test_a_beating_worker_is_kept(pool: WorkerPool, now: list[float]) -> None:
    pool.register(registration())
    now[0] = 80
    assert pool.beat(HeartBeat(worker_name="http://localhost:1", queue_length=3))
    now[0] = 160
    pool.sweep()
    assert pool.table["http://localhost:1"].queue_length == 3


def test_a_worker_without_heart_beats_stays(pool: WorkerPool, now: list[float]) -> None:
    status = WorkerStatus(model_names=("m",))
    pool.register(Registration(worker_name="w", worker_status=status, check_heart_beat=False))
    now[0] = 1e6
    pool.sweep()
    assert "w" in pool.table


def test_of_two_incarnations_the_newest_wins(pool: WorkerPool) -> None:
    pool.register(registration(epoch=2))
    with pytest.raises(Conflict):
        pool.register(registration(epoch=1))
    assert not pool.beat(HeartBeat(worker_name="http://localhost:1", queue_length=0, epoch=1))
    pool.leave(Departure(worker_name="http://localhost:1", epoch=1))
    assert pool.table["http://localhost:1"].epoch == 2


def test_a_worker_that_leaves_is_gone_at_once(pool: WorkerPool) -> None:
    pool.register(registration(epoch=1))
    pool.leave(Departure(worker_name="http://localhost:1", epoch=1))
    assert pool.table.entries() == []


def test_a_boaster_gets_no_more_than_a_hundredfold_share(pool: WorkerPool) -> None:
    pool.register(registration(speed=1e9))
    assert pool.table["http://localhost:1"].speed == 100


def test_what_a_worker_tells_of_its_room_is_in_the_table(pool: WorkerPool) -> None:
    status = WorkerStatus(model_names=("m",), capacity=105, wait_s=20)
    pool.register(Registration(worker_name="w", worker_status=status, epoch=1))
    assert (pool.table["w"].capacity, pool.table["w"].wait_s) == (105, 20)
    assert pool.beat(HeartBeat(worker_name="w", queue_length=1, epoch=1, wait_s=30))
    assert (pool.table["w"].capacity, pool.table["w"].wait_s) == (105, 30)
    pool.register(registration("of-0.2.36"))
    assert pool.table["of-0.2.36"].capacity is None


def test_the_log_shows_registrations_and_dispatches_as_operators_know_them(
    pool: WorkerPool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "controller")
    pool.register(registration())
    pool.choose("m")
    assert (
        "Register done: http://localhost:1, "
        "{'model_names': ['m'], 'speed': 1, 'queue_length': 0}" in caplog.messages
    )
    assert caplog.messages[-1] == (
        "get_worker_address names: ['http://localhost:1'], queue_lens: [0.0], "
        "ret: http://localhost:1"
    )


def test_the_pool_sums_up_like_a_worker(pool: WorkerPool) -> None:
    pool.register(registration("a"))
    pool.register(registration("b", speed=2))
    status = pool.status()
    assert (status.model_names, status.speed, status.queue_length) == (("m",), 3, 0)


def test_choosing_an_unknown_model_fails(pool: WorkerPool) -> None:
    with pytest.raises(UnknownModel):
        pool.choose("x")


async def test_a_follower_gets_a_snapshot_and_then_the_changes(pool: WorkerPool) -> None:
    pool.register(registration("a"))
    updates = pool.follow(idle_s=60)
    snapshot = await anext(updates)
    assert snapshot.snapshot
    assert [e.address for e in snapshot.put] == ["a"]
    assert snapshot.dispatch_method == "shortest_queue"
    pool.register(registration("b", epoch=1))
    pool.leave(Departure(worker_name="b", epoch=1))
    pool.register(registration("c"))
    change = await anext(updates)
    assert ([e.address for e in change.put], change.drop) == (["c"], ("b",))
    await updates.aclose()


async def test_a_follower_without_news_gets_a_sign_of_life(pool: WorkerPool) -> None:
    updates = pool.follow(idle_s=0.01)
    await anext(updates)
    quiet = await anext(updates)
    assert not quiet.snapshot
    assert not quiet.put
    assert not quiet.drop
    await updates.aclose()


async def test_dismissed_followers_come_to_their_end(pool: WorkerPool) -> None:
    updates = pool.follow(idle_s=60)
    await anext(updates)
    waiting = asyncio.ensure_future(_drained(updates))
    await asyncio.sleep(0)
    await pool.dismiss()
    await asyncio.wait_for(waiting, 5)


async def _drained(updates: object) -> None:
    async for _ in updates:  # type: ignore[attr-defined]  # the generator above
        pass
