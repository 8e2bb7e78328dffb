from collections.abc import AsyncIterator
from random import Random

import httpx
import pytest

from fastchat.controller.app import create_service
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.dispatch import Table
from fastchat.relay import Limits, Relay


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def pool(now: list[float]) -> WorkerPool:
    def clock() -> float:
        return now[0]

    return WorkerPool(Table(clock, Random(0), "shortest_queue"), clock, expiration_s=90)


@pytest.fixture
async def controller(pool: WorkerPool) -> AsyncIterator[httpx.AsyncClient]:
    relay = Relay(Limits(silence_s=1))
    app = create_service(pool, relay, Trust(None)).app
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://controller") as client:
        yield client
    await relay.aclose()
