"""Faults 22 to 25: workers that register wrongly, twice, or with a lie."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from random import Random
from typing import Any

import aiohttp
import httpx
import pytest

from fastchat.client import ControllerClient
from fastchat.controller.app import create_service
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.dispatch import Following, Table
from fastchat.protocol.cluster import WorkerStatus
from fastchat.relay import Limits, Relay
from fastchat.worker.registration import Announcer, Replaced
from tests.servers import RawServer, read_request, serving, until

GOOD = "http://127.0.0.1:31000"


@pytest.fixture
def pool() -> WorkerPool:
    table = Table(lambda: 0.0, Random(0), "shortest_queue", trusts_claims=True)
    return WorkerPool(table, lambda: 0.0, expiration_s=90, epoch=1)


@asynccontextmanager
async def caller(pool: WorkerPool, host: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who calls the controller from this address."""
    relay = Relay(Limits())
    app = create_service(pool, relay, Trust(None)).app
    transport = httpx.ASGITransport(app=app, client=(host, 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://controller") as client:
        yield client
    await relay.aclose()


def registration(address: str = GOOD, **status: Any) -> dict[str, Any]:
    return {"worker_name": address, "worker_status": {"model_names": ["m"]} | status}


async def test_of_two_workers_under_one_address_the_older_ends(pool: WorkerPool) -> None:
    """Fault 22: and it gets no request, whatever it goes on saying."""

    def announcer(session: aiohttp.ClientSession, url: str, epoch: int) -> Announcer:
        return Announcer(
            controller=ControllerClient(session, url),
            address=GOOD,
            worker_id=str(epoch),
            epoch=epoch,
            dialects=("openai",),
            interval_s=0.01,
            status=lambda: WorkerStatus(model_names=("m",), queue_length=epoch),
        )

    async with (
        serving(create_service(pool, Relay(Limits()), Trust(None)).app) as url,
        aiohttp.ClientSession() as session,
    ):
        old = asyncio.create_task(announcer(session, url, epoch=1).run())
        await until(lambda: GOOD in pool.table)
        new = asyncio.create_task(announcer(session, url, epoch=2).run())
        await until(lambda: pool.table[GOOD].epoch == 2)
        with pytest.raises(Replaced):
            await asyncio.wait_for(old, 20)
        assert (pool.table[GOOD].epoch, pool.table[GOOD].queue_length) == (2, 2)
        new.cancel()
        await asyncio.gather(new, return_exceptions=True)


@pytest.mark.parametrize("policy", ["shortest_queue", "least_in_flight", "power_of_two"])
async def test_a_worker_that_lies_gets_its_share_and_no_more(pool: WorkerPool, policy: str) -> None:
    """Fault 23: an empty queue and a speed of 1e9 at each heart-beat, over the real wire."""
    pool.table.policy = policy
    liar = "http://127.0.0.1:31001"
    async with (
        serving(create_service(pool, Relay(Limits()), Trust(None)).app) as url,
        aiohttp.ClientSession() as session,
        httpx.AsyncClient(base_url=url, trust_env=False) as worker,
    ):
        following = Following(Table(lambda: 0.0, Random(1), complete=False))
        task = asyncio.create_task(following.run(ControllerClient(session, url)))
        for address in (GOOD, "http://127.0.0.1:31002", "http://127.0.0.1:31003"):
            await worker.post("/register_worker", json=registration(address))
        await worker.post("/register_worker", json=registration(liar, speed=1e9))
        await until(lambda: len(following.table.entries()) == 4)
        chosen: Counter[str] = Counter()
        with ExitStack() as held:
            for turn in range(200):
                lease = following.table.choose("m")
                held.enter_context(following.table.hold(lease))
                chosen[lease.worker.address] += 1
                if turn % 20 == 0:
                    await worker.post("/register_worker", json=registration(liar, speed=1e9))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await pool.dismiss()
    assert chosen[liar] <= 1.2 * 200 / 4


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("http://169.254.169.254/latest/meta-data", "127.0.0.1"),
        ("http://[fd00:ec2::254]", "127.0.0.1"),
        ("http://192.0.2.80:8080", "192.0.2.7"),
        ("http://localhost:6379", "192.0.2.7"),
    ],
)
async def test_an_address_that_is_not_the_callers_is_refused(
    pool: WorkerPool, address: str, host: str
) -> None:
    """Fault 24: the metadata service, another host, loopback from afar."""
    async with caller(pool, host) as stranger:
        for path in ("/register_worker", "/receive_heart_beat", "/unregister_worker"):
            body = registration(address) | {"queue_length": 0, "epoch": 1}
            assert (await stranger.post(path, json=body)).status_code == 403
    assert pool.table.entries() == []


async def test_the_controller_calls_nobody_it_was_just_told_of(pool: WorkerPool) -> None:
    """Fault 24: neither whom it refuses nor whom it takes in."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)

    named = RawServer(script)
    async with named.listening() as port:
        body = registration(f"http://127.0.0.1:{port}")
        async with caller(pool, "192.0.2.7") as stranger:
            assert (await stranger.post("/register_worker", json=body)).status_code == 403
        async with caller(pool) as friend:
            assert (await friend.post("/register_worker", json=body)).status_code == 200
            await friend.post("/refresh_all_workers")
            await friend.post("/list_models")
    assert named.connections == 0


@pytest.mark.parametrize(
    "change",
    [
        {"worker_status": {"model_names": ["m"], "speed": 0}},
        {"worker_status": {"model_names": ["m"], "speed": -1}},
        {"worker_status": {"model_names": ["m"], "speed": "fast"}},
        {"worker_status": {"model_names": []}},
        {"worker_status": {"model_names": "m"}},
        {"worker_status": {"model_names": ["m"], "queue_length": -5}},
        {"worker_status": {"model_names": ["m"], "queue_length": 1e300}},
        {"worker_status": {"model_names": ["m"], "capacity": -1}},
        {"worker_status": {"model_names": ["m"], "wait_s": "long"}},
        {"worker_name": GOOD + "/" + "a" * 600},
    ],
)
async def test_claims_that_make_no_sense_do_not_disturb_dispatch(
    pool: WorkerPool, change: dict[str, Any]
) -> None:
    """Fault 25."""
    async with caller(pool) as worker:
        assert (await worker.post("/register_worker", json=registration())).status_code == 200
        answer = await worker.post("/register_worker", json=registration() | change)
        assert answer.status_code == 400
        for _ in range(3):
            found = await worker.post("/get_worker_address", json={"model": "m"})
            assert found.json() == {"address": GOOD}
    assert len(pool.table.entries()) == 1
