"""Row 26 of the fault table: an engine hangs, and another worker takes its place and address."""

import asyncio
import signal

import pytest

from tests.faults.rehearsal import CHAT, HalfOpen, another, rehearsing
from tests.servers import until

pytestmark = pytest.mark.faults

PACE = ("--tokens-per-s", "25")


@pytest.mark.parametrize("stream", [True, False])
async def test_row_26_a_hanging_worker_is_replaced_under_its_requests(stream: bool) -> None:
    place = HalfOpen()
    async with rehearsing(1, *PACE, through=place) as platform:
        (address,) = platform.workers
        old = platform.workers[address]
        await platform.read(1000, stream=stream)  # this connection is kept
        platform.ask(6, stream=stream)
        await platform.runs(address, 6)
        if stream:
            await platform.under_way()
        old.send_signal(signal.SIGSTOP)
        epoch = platform.table[address].epoch
        another(platform, place, *PACE)
        await until(lambda: platform.table[address].epoch != epoch, timeout_s=60)
        platform.ask(4, stream=stream)
        await platform.all_answered()
        old.send_signal(signal.SIGCONT)
        assert await asyncio.to_thread(old.wait, 60) is not None, "it hears that it was replaced"
        await platform.read(1001, stream=stream)


async def test_row_26_want_of_memory_is_told_once_and_the_worker_lives() -> None:
    async with rehearsing(2, *PACE) as platform:
        said = {"model": "m", "messages": [{"role": "user", "content": "[[oom]]"}]}
        answer = await platform.client.post(CHAT, json=said)
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, 50002)
        platform.ask(6)
        await platform.all_answered()
