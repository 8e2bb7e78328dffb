"""Rows 1 to 5, 11 and 16 of the fault table: whatever dies, every request is answered whole."""

import asyncio
import signal
from collections import Counter

import httpx
import pytest

from tests.faults.rehearsal import CHAT, HalfOpen, rehearsing
from tests.servers import until

PACE = ("--tokens-per-s", "25")


async def test_row_1_a_worker_is_killed() -> None:
    async with rehearsing(2, *PACE) as platform:
        platform.ask(16)
        await platform.under_way()
        platform.ask(4, stream=False)
        await asyncio.sleep(0)
        platform.workers[platform.busiest()].kill()
        await platform.all_answered()


async def test_row_2_a_worker_is_stopped_and_goes_on_later() -> None:
    async with rehearsing(2, *PACE) as platform:
        platform.ask(10)
        await platform.under_way()
        stopped = platform.workers[platform.busiest()]
        stopped.send_signal(signal.SIGSTOP)
        platform.ask(6)
        platform.ask(4, stream=False)
        await asyncio.wait(platform.readers, timeout=30)
        stopped.send_signal(signal.SIGCONT)
        await platform.all_answered()


@pytest.mark.parametrize("drain_s", ["0", "20"])
async def test_row_3_a_worker_is_told_to_end(drain_s: str) -> None:
    async with rehearsing(2, *PACE, "--drain-s", drain_s) as platform:
        platform.ask(10)
        await platform.under_way()
        leaves = platform.busiest()
        platform.workers[leaves].terminate()
        await until(lambda: leaves not in platform.table)
        platform.ask(5)
        assert await asyncio.to_thread(platform.workers[leaves].wait, 30) == 0
        await platform.all_answered()


async def test_row_4_two_of_three_workers_are_killed() -> None:
    async with rehearsing(3, *PACE) as platform:
        platform.ask(12)
        await platform.under_way()
        for url in list(platform.workers)[:2]:
            platform.workers[url].kill()
        await platform.all_answered()


async def test_row_5_the_controller_is_killed_and_comes_back() -> None:
    async with rehearsing(2, *PACE) as platform:
        platform.ask(6)
        await platform.under_way()
        epoch = platform.table.controller_epoch
        await asyncio.to_thread(platform.restart_controller)
        platform.ask(6)
        await platform.all_answered()
        await until(lambda: platform.table.controller_epoch != epoch)
        url = f"http://127.0.0.1:{platform.controller_port}/workers"
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(20):
            while len((await client.get(url)).json()["workers"]) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def test_row_11_what_a_worker_says_is_lost_on_the_way() -> None:
    link = HalfOpen()
    async with rehearsing(2, *PACE, through=link) as platform:
        platform.ask(10)
        await platform.under_way()
        link.lose()
        platform.ask(4)
        await platform.all_answered()


async def test_row_16_three_times_what_fits() -> None:
    """As many are answered as there is room for; the others hear when to come again."""
    room = ("--limit-worker-concurrency", "4", "--limit-worker-queue", "2")
    async with rehearsing(2, "--tokens-per-s", "50", *room) as platform:
        body = {"model": "m", "messages": "hi", "stream": True}
        burst = [platform.client.post(CHAT, json=body) for _ in range(36)]
        answers = await asyncio.gather(*burst)
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) == {200, 503}
        assert statuses[200] >= 12
        refused = [answer for answer in answers if answer.status_code == 503]
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        assert all("[DONE]" in answer.text for answer in answers if answer.status_code == 200)
        await platform.all_answered()
