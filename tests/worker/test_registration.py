import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random

import aiohttp
import pytest

from fastchat.client import ControllerClient
from fastchat.controller.app import create_service
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.dispatch import Table
from fastchat.protocol.cluster import WorkerStatus
from fastchat.relay import Limits, Relay
from fastchat.worker.registration import Announcer, Replaced
from tests.servers import free_port, serving, until

ADDRESS = "http://127.0.0.1:31000"


class Pace:
    """A sleep that takes no time but lets a test count and stop the waiting."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.001)


@pytest.fixture
def pool() -> WorkerPool:
    return WorkerPool(Table(lambda: 0, Random(0)), lambda: 0, expiration_s=90)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def announcer(
    session: aiohttp.ClientSession,
    url: str,
    *,
    queue: list[int],
    epoch: int,
    models: Sequence[str] = ("m",),
) -> Announcer:
    return Announcer(
        controller=ControllerClient(session, url),
        address=ADDRESS,
        worker_id="abc",
        epoch=epoch,
        dialects=("openai",),
        interval_s=45,
        status=lambda: WorkerStatus(
            model_names=tuple(models), queue_length=queue[0], cache_usage=queue[0] / 4
        ),
        sleep=Pace(),
    )


async def test_a_worker_registers_and_tells_its_load_soon(
    pool: WorkerPool, session: aiohttp.ClientSession
) -> None:
    queue = [0]
    app = create_service(pool, Relay(Limits()), Trust(None)).app
    async with serving(app) as url:
        one = announcer(session, url, queue=queue, epoch=1)
        task = asyncio.create_task(one.run())
        await until(lambda: ADDRESS in pool.table)
        assert pool.table[ADDRESS].dialects == ("openai",)
        queue[0] = 3
        await until(lambda: pool.table[ADDRESS].queue_length == 3)
        assert pool.table[ADDRESS].cache_usage == 0.75
        task.cancel()
        await one.leave()
        assert ADDRESS not in pool.table


async def test_a_worker_that_serves_more_says_so_soon(
    pool: WorkerPool, session: aiohttp.ClientSession
) -> None:
    models = ["m"]
    app = create_service(pool, Relay(Limits()), Trust(None)).app
    async with serving(app) as url:
        one = announcer(session, url, queue=[0], epoch=1, models=models)
        task = asyncio.create_task(one.run())
        await until(lambda: ADDRESS in pool.table)
        models.append("sql")
        await until(lambda: pool.table[ADDRESS].model_names == ("m", "sql"))
        models.remove("sql")
        await until(lambda: pool.table[ADDRESS].model_names == ("m",))
        task.cancel()


async def test_a_controller_that_forgot_is_told_again(
    pool: WorkerPool, session: aiohttp.ClientSession
) -> None:
    queue = [0]
    app = create_service(pool, Relay(Limits()), Trust(None)).app
    async with serving(app) as url:
        task = asyncio.create_task(announcer(session, url, queue=queue, epoch=1).run())
        await until(lambda: ADDRESS in pool.table)
        pool._remove(ADDRESS)
        queue[0] = 1
        await until(lambda: ADDRESS in pool.table)
        task.cancel()


async def test_a_replaced_worker_learns_it(
    pool: WorkerPool, session: aiohttp.ClientSession
) -> None:
    app = create_service(pool, Relay(Limits()), Trust(None)).app
    async with serving(app) as url:
        newer = asyncio.create_task(announcer(session, url, queue=[0], epoch=2).run())
        await until(lambda: ADDRESS in pool.table)
        with pytest.raises(Replaced):
            await announcer(session, url, queue=[0], epoch=1).run()
        newer.cancel()


async def test_without_a_controller_it_keeps_trying(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    one = announcer(session, f"http://127.0.0.1:{free_port()}", queue=[0], epoch=1)
    task = asyncio.create_task(one.run())
    pace = one.sleep
    assert isinstance(pace, Pace)
    await until(lambda: len(pace.slept) >= 3)
    task.cancel()
    assert "cannot be reached" in caplog.text
