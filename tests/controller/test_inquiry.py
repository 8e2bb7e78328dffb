"""Workers that say nothing of themselves, and controllers in place of workers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from random import Random
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from fastchat.controller.app import create_service
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.dispatch import Table
from fastchat.relay import Limits, Relay
from tests.legacy import LegacyWorker
from tests.servers import RawServer, free_port, read_request, serving

BY_HAND = {"check_heart_beat": False, "worker_status": None, "multimodal": False}
ASK = {"model": "m", "prompt": "hi", "max_new_tokens": 5}


async def post(controller: httpx.AsyncClient, path: str, body: Any = None) -> Any:
    answer = await controller.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def served(pool: WorkerPool) -> AsyncIterator[str]:
    async with serving(controller_of(pool)) as url:
        yield url


def controller_of(pool: WorkerPool) -> ASGIApp:
    return create_service(pool, Relay(Limits(silence_s=2)), Trust(None)).app


async def test_a_worker_registered_by_hand_is_asked_for_its_models(
    controller: httpx.AsyncClient, pool: WorkerPool
) -> None:
    async with serving(LegacyWorker().app) as url:
        await post(controller, "/register_worker", {"worker_name": url, "check_heart_beat": False})
        await post(controller, "/register_worker", {"worker_name": url, **BY_HAND})
    assert pool.table.models() == ["m"]


async def test_one_without_heart_beats_is_forgotten_when_it_does_not_answer(
    controller: httpx.AsyncClient, pool: WorkerPool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "controller")
    async with serving(LegacyWorker().app) as url:
        await post(controller, "/register_worker", {"worker_name": url, **BY_HAND})
        await post(controller, "/refresh_all_workers")
        assert pool.table.models() == ["m"]
    await post(controller, "/refresh_all_workers")
    assert pool.table.entries() == []
    assert f"Remove stale worker: {url}" in caplog.text


async def test_one_with_heart_beats_is_not_asked(
    controller: httpx.AsyncClient, pool: WorkerPool
) -> None:
    dead = {
        "worker_name": f"http://127.0.0.1:{free_port()}",
        "check_heart_beat": True,
        "worker_status": {"model_names": ["m"], "speed": 1, "queue_length": 0},
    }
    await post(controller, "/register_worker", dead)
    await post(controller, "/refresh_all_workers")
    assert pool.table.models() == ["m"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + b"x" * 200_000,
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        b"nonsense",
    ],
)
async def test_an_answer_that_makes_no_sense_registers_nobody(
    controller: httpx.AsyncClient, pool: WorkerPool, answer: bytes
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()

    async with RawServer(script).listening() as port:
        body = {"worker_name": f"http://127.0.0.1:{port}", **BY_HAND}
        refused = await controller.post("/register_worker", json=body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "worker_status")
    assert pool.table.entries() == []


async def test_a_stranger_cannot_send_the_controller_anywhere(pool: WorkerPool) -> None:
    worker = LegacyWorker()
    transport = httpx.ASGITransport(app=controller_of(pool), client=("192.0.2.7", 5))
    async with (
        serving(worker.app) as url,
        httpx.AsyncClient(transport=transport, base_url="http://c") as stranger,
    ):
        body = {"worker_name": url, "check_heart_beat": True, "worker_status": None}
        assert (await stranger.post("/register_worker", json=body)).status_code == 403
    assert worker.calls == []


async def test_a_controller_below_a_controller_stands_in_for_its_workers(
    pool: WorkerPool, served: str
) -> None:
    worker = LegacyWorker()
    upper = WorkerPool(Table(lambda: 0, Random(0)), lambda: 0, expiration_s=90)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(worker.app))
        above = await stack.enter_async_context(serving(controller_of(upper)))
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        await client.post(f"{served}/register_worker", json={"worker_name": url, **BY_HAND})
        await client.post(f"{above}/register_worker", json={"worker_name": served, **BY_HAND})
        stream = await client.post(f"{above}/worker_generate_stream", json=ASK)
        counted = await client.post(f"{above}/count_token", json={"model": "m", "prompt": "a b"})
        details = await client.post(f"{above}/model_details", json={"model": "m"})
        template = await client.post(f"{above}/worker_get_conv_template", json={"model": "m"})
    assert upper.table.models() == ["m"]
    assert [json.loads(m)["text"] for m in stream.content.split(b"\0") if m][-1] == "one two"
    assert (counted.json()["count"], details.json()["context_length"]) == (2, 2048)
    assert template.json()["conv"]["name"] == "vicuna_v1.1"
    assert worker.asked("/worker_generate_stream") == [ASK]


async def test_what_nobody_serves_is_not_passed_on(controller: httpx.AsyncClient) -> None:
    answer = await controller.post("/model_details", json={"model": "x"})
    assert (answer.status_code, answer.json()["error_code"]) == (404, 40301)
