"""The life of a worker of 0.2.36 at our controller: what it sends, as it was recorded."""

from random import Random
from typing import Any

import httpx
import pytest

from fastchat.controller.app import create_service
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.dispatch import Table
from fastchat.relay import Limits, Relay

ADDRESS = "http://localhost:21002"
REGISTRATION = {
    "worker_name": ADDRESS,
    "check_heart_beat": True,
    "worker_status": {"model_names": ["vicuna-7b"], "speed": 1, "queue_length": 0},
    "multimodal": False,
}
BEAT = {"worker_name": ADDRESS, "queue_length": 3}


async def post(controller: httpx.AsyncClient, path: str, body: Any = None) -> Any:
    answer = await controller.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_it_registers_beats_and_is_found(
    controller: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "controller")
    assert await post(controller, "/register_worker", REGISTRATION) is None
    assert await post(controller, "/receive_heart_beat", BEAT) == {"exist": True}
    assert await post(controller, "/list_models") == {"models": ["vicuna-7b"]}
    found = await post(controller, "/get_worker_address", {"model": "vicuna-7b"})
    assert found == {"address": ADDRESS}
    for line in (
        f"Register a new worker: {ADDRESS}",
        f"Register done: {ADDRESS}, "
        "{'model_names': ['vicuna-7b'], 'speed': 1, 'queue_length': 0}",
        f"Receive heart beat. {ADDRESS}",
        f"names: ['{ADDRESS}'], queue_lens: [3.0], ret: {ADDRESS}",
    ):
        assert line in caplog.text


async def test_a_silent_one_expires_and_comes_back_by_its_next_beat(
    controller: httpx.AsyncClient, pool: WorkerPool, now: list[float]
) -> None:
    await post(controller, "/register_worker", REGISTRATION)
    now[0] = 91
    pool.sweep()
    assert await post(controller, "/list_models") == {"models": []}
    assert await post(controller, "/receive_heart_beat", BEAT) == {"exist": False}
    await post(controller, "/register_worker", REGISTRATION)
    assert await post(controller, "/receive_heart_beat", BEAT) == {"exist": True}


async def test_a_controller_that_started_again_wants_a_registration() -> None:
    pool = WorkerPool(Table(lambda: 0, Random(0)), lambda: 0, expiration_s=90)
    app = create_service(pool, Relay(Limits()), Trust(None)).app
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://c") as controller:
        assert await post(controller, "/receive_heart_beat", BEAT) == {"exist": False}
        await post(controller, "/register_worker", REGISTRATION)
        assert await post(controller, "/list_models") == {"models": ["vicuna-7b"]}


async def test_registering_again_replaces_what_was_known(controller: httpx.AsyncClient) -> None:
    await post(controller, "/register_worker", REGISTRATION)
    status = {"model_names": ["other"], "speed": 1, "queue_length": 0}
    await post(controller, "/register_worker", REGISTRATION | {"worker_status": status})
    assert await post(controller, "/list_models") == {"models": ["other"]}


async def test_the_table_shows_that_it_speaks_the_old_wire_only(
    controller: httpx.AsyncClient,
) -> None:
    await post(controller, "/register_worker", REGISTRATION)
    entry = (await controller.get("/workers")).json()["workers"][0]
    assert (entry["dialects"], entry["epoch"]) == ([], None)
