import asyncio

import pytest

from fastchat.core.attended import EngineLoad
from fastchat.engines.transformers.admission import Room
from tests.servers import until


async def _hold(room: Room, tokens: int, entered: list[int], leave: asyncio.Event) -> None:
    async with room.held(tokens):
        entered.append(tokens)
        await leave.wait()


async def test_who_fits_enters_and_the_others_wait_in_order() -> None:
    room, entered = Room(100, 10), list[int]()
    leaves = [asyncio.Event() for _ in range(4)]
    tasks = []
    for tokens, leave in zip((60, 50, 31, 10), leaves, strict=True):
        tasks.append(asyncio.create_task(_hold(room, tokens, entered, leave)))
        await asyncio.sleep(0)
    assert entered == [60]
    assert room.load == EngineLoad(running=1, waiting=3, cache_usage=0.6)
    leaves[0].set()
    await until(lambda: len(entered) == 4)
    assert entered == [60, 50, 31, 10]
    for leave in leaves:
        leave.set()
    await asyncio.gather(*tasks)
    assert room.held_pages == 0


async def test_who_gives_up_waiting_holds_nothing_and_holds_nobody_up() -> None:
    room, entered = Room(100, 10), list[int]()
    leave = asyncio.Event()
    first = asyncio.create_task(_hold(room, 90, entered, leave))
    await asyncio.sleep(0)
    large = asyncio.create_task(_hold(room, 100, entered, leave))
    await asyncio.sleep(0)
    small = asyncio.create_task(_hold(room, 10, entered, leave))
    await asyncio.sleep(0)
    large.cancel()
    await until(lambda: entered == [90, 10])
    leave.set()
    await asyncio.gather(first, small)
    with pytest.raises(asyncio.CancelledError):
        await large
    assert room.held_pages == 0


async def test_who_is_let_in_and_cancelled_at_once_leaves_no_trace() -> None:
    room, entered = Room(10, 10), list[int]()
    leave = asyncio.Event()
    first = asyncio.create_task(_hold(room, 10, entered, leave))
    await asyncio.sleep(0)
    second = asyncio.create_task(_hold(room, 10, entered, asyncio.Event()))
    await asyncio.sleep(0)
    leave.set()
    await first
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert room.held_pages == 0
