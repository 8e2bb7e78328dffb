import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import aiohttp
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from fastchat.client import ControllerClient
from fastchat.controller.app import create_service
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.dispatch import Following, Table
from fastchat.protocol.cluster import Departure, Registration, WorkerStatus
from fastchat.relay import Limits, Relay
from tests.legacy_controller import LegacyController
from tests.servers import free_port, serving, until


def pool(epoch: int = 1) -> WorkerPool:
    return WorkerPool(Table(lambda: 0, Random(0)), lambda: 0, expiration_s=90, epoch=epoch)


def registration(address: str) -> Registration:
    status = WorkerStatus(model_names=("m",))
    return Registration(worker_name=address, worker_status=status, epoch=1)


@asynccontextmanager
async def following(
    url: str, token: str | None = None, ask_s: float = 2.0
) -> AsyncIterator[Following]:
    one = Following(Table(lambda: 0, Random(0), complete=False), ask_s)
    async with aiohttp.ClientSession() as session:
        task = asyncio.create_task(one.run(ControllerClient(session, url, token=token)))
        try:
            yield one
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_the_table_follows_the_controller() -> None:
    workers = pool()
    workers.register(registration("http://a"))
    async with (
        serving(create_service(workers, Relay(Limits()), Trust(None)).app) as url,
        following(url) as one,
    ):
        await until(lambda: "http://a" in one.table)
        workers.register(registration("http://b"))
        await until(lambda: "http://b" in one.table)
        workers.leave(Departure(worker_name="http://a", epoch=1))
        await until(lambda: "http://a" not in one.table)
        await workers.dismiss()


async def test_dispatches_reach_the_controllers_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "controller")
    workers = pool()
    workers.register(registration("http://a"))
    async with (
        serving(create_service(workers, Relay(Limits()), Trust(None)).app) as url,
        following(url) as one,
    ):
        await until(lambda: "http://a" in one.table)
        one.report(one.table.choose("m").dispatched)
        await until(lambda: "ret: http://a" in caplog.text)
        await workers.dismiss()


async def test_with_a_token_the_table_is_only_for_those_who_know_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    workers = pool()
    workers.register(registration("http://a"))
    async with serving(create_service(workers, Relay(Limits()), Trust("secret")).app) as url:
        async with following(url) as stranger:
            await until(lambda: "401" in caplog.text)
            assert not stranger.table.complete
        async with following(url, token="secret") as friend:
            await until(lambda: "http://a" in friend.table)
            await workers.dismiss()


async def test_while_the_controller_is_away_the_table_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "fastchat.dispatch")
    workers = pool()
    workers.register(registration("http://a"))
    async with serving(create_service(workers, Relay(Limits()), Trust(None)).app) as url:
        one = Following(Table(lambda: 0, Random(0), complete=False))
        async with aiohttp.ClientSession() as session:
            task = asyncio.create_task(one.run(ControllerClient(session, url)))
            await until(lambda: "http://a" in one.table)
            await workers.dismiss()
            await until(lambda: "closed the table" in caplog.text)
            assert "http://a" in one.table
            task.cancel()


async def test_a_controller_that_is_not_there_is_complained_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with following(f"http://127.0.0.1:{free_port()}"):
        await until(lambda: "cannot be reached" in caplog.text)
        await asyncio.sleep(0)
    assert caplog.text.count("cannot be reached") == 1


async def test_a_controller_of_0_2_36_is_asked_and_hears_no_reports() -> None:
    controller = LegacyController({"m": deque(["http://a", "http://b"])})
    async with serving(controller.app) as url, following(url, ask_s=0.01) as one:
        await until(lambda: "http://a" in one.table and "http://b" in one.table)
        one.report(one.table.choose("m").dispatched)
        before = len(controller.calls)
        await until(lambda: len(controller.calls) > before + 10)
        assert controller.asked("/report_dispatches") == []
        assert one.table.complete


async def test_asking_again_does_not_forget_what_is_in_flight() -> None:
    controller = LegacyController({"m": deque(["http://a"])})
    async with serving(controller.app) as url, following(url, ask_s=0.01) as one:
        await until(lambda: "http://a" in one.table)
        with one.table.hold(one.table.choose("m")):
            before = len(controller.calls)
            await until(lambda: len(controller.calls) > before + 10)
            assert one.table.choose("m").dispatched.queue_lens == (1.0,)


async def test_a_controller_of_ours_in_its_place_is_followed_again() -> None:
    old = LegacyController({"m": deque(["http://a"])})
    workers = pool()
    workers.register(registration("http://b"))
    new = create_service(workers, Relay(Limits()), Trust(None)).app
    current: list[ASGIApp] = [old.app]

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        await current[0](scope, receive, send)

    async with serving(either) as url, following(url, ask_s=0.001) as one:
        await until(lambda: "http://a" in one.table)
        current[0] = new
        await until(lambda: "http://b" in one.table)
        await workers.dismiss()
