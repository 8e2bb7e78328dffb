import asyncio
import time
from collections.abc import AsyncIterator
from random import Random

import pytest

from fastchat.controller.app import create_service
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.dispatch import Table
from fastchat.protocol.cluster import Registration, WorkerEntry, WorkerStatus
from fastchat.relay import Limits, Relay
from fastchat.terminal.doctor import reachable
from fastchat.terminal.doctor.finding import DoctorConfig, Finding
from fastchat.terminal.doctor.reachable import platform
from tests.apps import gateway_service, worker_app
from tests.scripted import ScriptedEngine
from tests.servers import free_port, serving


@pytest.fixture
def pool() -> WorkerPool:
    return WorkerPool(Table(time.monotonic, Random(0)), time.monotonic, expiration_s=90)


@pytest.fixture(autouse=True)
def nobody_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachable, "API_HERE", f"http://127.0.0.1:{free_port()}")


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


async def seen(url: str, token: str | None = "t", api: str | None = None) -> list[Finding]:
    """With the API server at its usual address, where there is none."""
    config = DoctorConfig(controller_address=url, cluster_token=token, api_address=api)
    return await asyncio.to_thread(lambda: list(platform(config)))


async def test_each_worker_is_looked_at(pool: WorkerPool, controller: str) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    async with serving(worker_app(ScriptedEngine())) as there:
        add(pool, there)
        add(pool, gone)
        found = await seen(controller)
    assert [one.level for one in found] == ["ok", "ok", "fault", "note"]
    assert f"{there} answers: m" in found[1].what
    assert f"{gone} (m) cannot be reached from here" in found[2].what
    assert "--host 0.0.0.0" in found[2].remedy


async def test_the_api_server_must_know_the_controllers_models(
    pool: WorkerPool, controller: str
) -> None:
    async with serving(worker_app(ScriptedEngine())) as worker:
        add(pool, worker)
        table = Table(time.monotonic, Random(0))
        app = gateway_service(table, report=lambda _: None).app
        async with serving(app) as api:
            (*_, empty) = await seen(controller, api=api)
            table.put(WorkerEntry(address=worker, model_names=("m",), dialects=("openai",)))
            (*_, well) = await seen(controller, api=api)
        (*_, gone) = await seen(controller, api=api)
    assert (empty.level, empty.what.endswith("does not know m")) == ("fault", True)
    assert "--controller-address" in empty.remedy
    assert (well.level, "knows all models" in well.what) == ("ok", True)
    assert (gone.level, "fastchat openai-api-server" in gone.remedy) == ("fault", True)


@pytest.mark.parametrize("address", ["http://localhost:21002", "http://127.0.0.1:21002"])
def test_an_address_that_means_another_machine_to_others_is_a_fault(address: str) -> None:
    entry = WorkerEntry(address=address, model_names=("m",), dialects=("openai",))
    (found,) = reachable.misleading([entry], "http://controller-host:21001")
    assert (found.level, "--worker-address" in found.remedy) == ("fault", True)
    assert list(reachable.misleading([entry], "http://localhost:21001")) == []


async def test_no_workers_are_a_fault(controller: str) -> None:
    assert [one.level for one in await seen(controller)] == ["ok", "fault"]


async def test_a_controller_that_is_not_there_is_a_fault() -> None:
    (found,) = await seen(f"http://127.0.0.1:{free_port()}")
    assert (found.level, "fastchat controller" in found.remedy) == ("fault", True)


async def test_another_token_is_named(controller: str) -> None:
    (found,) = await seen(controller, token="other")
    assert (found.level, "FASTCHAT_CLUSTER_TOKEN" in found.remedy) == ("fault", True)
