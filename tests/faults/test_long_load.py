"""A load that lasts, and one fault after another: nothing is lost and nothing stays behind.

Three quarters of a minute by default; FASTCHAT_LOAD_S makes it as long as you like.
"""

import asyncio
import itertools
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from tests.faults.rehearsal import Rehearsal, rehearsing, restart
from tests.servers import until

pytestmark = pytest.mark.faults

LOAD_S = float(os.environ.get("FASTCHAT_LOAD_S", "45"))
PACE = ("--tokens-per-s", "25")
# Questions come as they come, whatever happens to those before.
PAUSE_S = 0.2


async def killed(platform: Rehearsal) -> None:
    url = platform.busiest()
    platform.workers[url].kill()
    await _comes_back(platform, url)


async def told_to_end(platform: Rehearsal) -> None:
    url = platform.busiest()
    platform.workers[url].terminate()
    await _comes_back(platform, url)


async def stopped_for_a_while(platform: Rehearsal) -> None:
    worker = platform.workers[platform.busiest()]
    worker.send_signal(signal.SIGSTOP)
    await asyncio.sleep(3)
    worker.send_signal(signal.SIGCONT)


async def another_controller(platform: Rehearsal) -> None:
    epoch = platform.table.controller_epoch
    await asyncio.to_thread(platform.restart_controller)
    await until(lambda: platform.table.controller_epoch != epoch, timeout_s=60)


async def _comes_back(platform: Rehearsal, url: str) -> None:
    epoch = platform.table[url].epoch
    await asyncio.to_thread(platform.workers[url].wait, 60)
    restart(platform, url, *PACE)
    await until(lambda: url in platform.table and platform.table[url].epoch != epoch, timeout_s=60)


FAULTS: tuple[Callable[[Rehearsal], Awaitable[None]], ...] = (
    killed,
    stopped_for_a_while,
    another_controller,
    told_to_end,
)


async def asks(platform: Rehearsal, enough: asyncio.Event) -> None:
    for number in itertools.count():
        if enough.is_set():
            return
        platform.ask(1, stream=number % 5 > 0)
        await asyncio.sleep(PAUSE_S)


async def test_a_load_that_lasts_loses_nothing() -> None:
    async with rehearsing(3, *PACE) as platform:
        enough = asyncio.Event()
        load = asyncio.create_task(asks(platform, enough))
        ends_at = asyncio.get_running_loop().time() + LOAD_S
        for fault in itertools.cycle(FAULTS):
            await fault(platform)
            await asyncio.sleep(2)
            if asyncio.get_running_loop().time() >= ends_at:
                break
        enough.set()
        await load
        await platform.all_answered()
