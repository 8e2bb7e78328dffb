import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

from fastchat.dispatch import Probing, Table
from fastchat.dispatch.row import BEATS_MISSED_S
from fastchat.protocol.cluster import WorkerEntry
from tests.servers import until


@asynccontextmanager
async def probing(table: Table, is_alive: Callable[[str], Awaitable[bool]]) -> AsyncIterator[None]:
    task = asyncio.create_task(Probing(table, is_alive, look_s=0.005, answer_s=0.02).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_only_suspects_are_asked_and_those_that_do_not_answer_are_left() -> None:
    now = [0.0]
    asked: list[str] = []
    table = Table(lambda: now[0], Random(0), "shortest_queue")
    for address in ("http://stopped", "http://raising", "http://dead", "http://good"):
        table.put(WorkerEntry(address=address, model_names=("m",)))

    async def is_alive(address: str) -> bool:
        asked.append(address)
        if address == "http://stopped":
            await asyncio.Event().wait()
        if address == "http://raising":
            raise OSError
        return address == "http://good"

    async with probing(table, is_alive):
        now[0] += BEATS_MISSED_S
        table.put(table["http://good"])
        await until(lambda: table.choose("m").dispatched.names == ("http://good",))
    assert set(asked) == {"http://stopped", "http://raising", "http://dead"}


async def test_one_that_goes_on_is_used_again() -> None:
    now = [0.0]
    alive = False
    table = Table(lambda: now[0], Random(0), "shortest_queue")
    for address in ("http://a", "http://b"):
        table.put(WorkerEntry(address=address, model_names=("m",)))

    async def is_alive(address: str) -> bool:
        return alive

    async with probing(table, is_alive):
        now[0] += BEATS_MISSED_S
        table.put(table["http://b"])
        await until(lambda: table.choose("m").worker.address == "http://b")
        alive = True
        await until(lambda: table.choose("m").worker.address == "http://a")
