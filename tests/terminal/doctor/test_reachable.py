import asyncio
import time
from collections.abc import AsyncIterator
from random import Random

import pytest

from fastchat.controller.app import create_service
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.dispatch import Table
from fastchat.protocol.cluster import Registration, WorkerStatus
from fastchat.relay import Limits, Relay
from fastchat.terminal.doctor.finding import DoctorConfig, Finding
from fastchat.terminal.doctor.reachable import platform
from tests.apps import worker_app
from tests.scripted import ScriptedEngine
from tests.servers import free_port, serving


@pytest.fixture
def pool() -> WorkerPool:
    return WorkerPool(Table(time.monotonic, Random(0)), time.monotonic, expiration_s=90)


@pytest.fixture
async def controller(pool: WorkerPool) -> AsyncIterator[str]:
    relay = Relay(Limits(silence_s=1))
    async with serving(create_service(pool, relay, Trust("t")).app) as url:
        yield url


def add(pool: WorkerPool, address: str) -> None:
    status = WorkerStatus(model_names=("m",))
    pool.register(
        Registration(worker_name=address, worker_status=status, epoch=1, dialects=("openai",))
    )


async def seen(url: str, token: str | None = "t") -> list[Finding]:
    config = DoctorConfig(controller_address=url, cluster_token=token)
    return await asyncio.to_thread(lambda: list(platform(config)))


async def test_each_worker_is_looked_at(pool: WorkerPool, controller: str) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    async with serving(worker_app(ScriptedEngine())) as there:
        add(pool, there)
        add(pool, gone)
        found = await seen(controller)
    assert [one.level for one in found] == ["ok", "ok", "fault"]
    assert f"{there} answers: m" in found[1].what
    assert f"{gone} (m) cannot be reached from here" in found[2].what
    assert "--host 0.0.0.0" in found[2].remedy


async def test_no_workers_are_a_fault(controller: str) -> None:
    assert [one.level for one in await seen(controller)] == ["ok", "fault"]


async def test_a_controller_that_is_not_there_is_a_fault() -> None:
    (found,) = await seen(f"http://127.0.0.1:{free_port()}")
    assert (found.level, "fastchat controller" in found.remedy) == ("fault", True)


async def test_another_token_is_named(controller: str) -> None:
    (found,) = await seen(controller, token="other")
    assert (found.level, "FASTCHAT_CLUSTER_TOKEN" in found.remedy) == ("fault", True)
