"""The threats that were seen to work against 0.2.36, one test each."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields
from random import Random

import httpx
import pytest
from fastapi import FastAPI

from fastchat.controller.app import OPEN_PATHS as OPEN_AT_CONTROLLER
from fastchat.controller.app import create_service as create_controller
from fastchat.controller.config import ControllerConfig
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.dispatch import Table
from fastchat.engines.scripted import Options, ScriptedEngine
from fastchat.gateway.config import GatewayConfig
from fastchat.protocol.cluster import WorkerEntry
from fastchat.relay import Limits, Relay
from fastchat.worker.admission import Admission
from fastchat.worker.app import OPEN_PATHS as OPEN_AT_WORKER
from fastchat.worker.app import Collaborators
from fastchat.worker.app import create_service as create_worker
from fastchat.worker.config import WorkerConfig
from fastchat.worker.shell import Shell
from tests.servers import RawServer, serving

TOO_MUCH = b'{"x": "' + b"x" * 3_000_000 + b'"}'


def controller(token: str | None, pool: WorkerPool | None = None) -> FastAPI:
    table = Table(lambda: 0.0, Random(0))
    return create_controller(
        pool or WorkerPool(table, lambda: 0.0, 90), Relay(Limits()), Trust(token)
    ).app


def worker(token: str | None) -> FastAPI:
    shell = Shell(ScriptedEngine(Options(names=("m",))), Admission(1, 1, lambda: 0), 1)
    parts = Collaborators(
        shell=shell, announce=None, token=token, wall_clock=lambda: 0, new_id=lambda: "id"
    )
    return create_worker(parts).app


def calls(app: FastAPI) -> Iterator[tuple[str, str]]:
    for path, methods in app.openapi()["paths"].items():
        yield from ((method, path) for method in methods)


def stranger(app: FastAPI, host: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, client=(host, 5))
    return httpx.AsyncClient(transport=transport, base_url="http://here")


async def test_threat_1_a_stranger_registers_to_read_other_peoples_prompts() -> None:
    """The address is its listener on another machine; the prompt comes from a user."""
    stolen: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stolen.append(await reader.read(1))

    pool = WorkerPool(Table(lambda: 0.0, Random(0)), lambda: 0.0, 90)
    listener = RawServer(script)
    async with listener.listening() as port, stranger(controller(None, pool), "192.0.2.7") as evil:
        body = {
            "worker_name": f"http://127.0.0.1:{port}",
            "check_heart_beat": False,
            "worker_status": {"model_names": ["m"], "speed": 1e9},
        }
        assert (await evil.post("/register_worker", json=body)).status_code == 403
        answer = await evil.post("/worker_generate_stream", json={"model": "m", "prompt": "secret"})
        assert b"50005" in answer.content
    assert (stolen, listener.connections, pool.table.models()) == ([], 0, [])


@pytest.mark.parametrize(
    ("app", "open_paths"),
    [(controller("secret"), OPEN_AT_CONTROLLER), (worker("secret"), OPEN_AT_WORKER)],
    ids=["controller", "worker"],
)
async def test_threat_2_ports_that_are_open_to_everybody(
    app: FastAPI, open_paths: tuple[str, ...]
) -> None:
    """Every call but signs of life wants the token, and without a word nothing listens outside."""
    for config in (ControllerConfig, GatewayConfig, WorkerConfig):
        assert {f.name: f.default for f in fields(config)}["host"] == "localhost"
    closed = [(method, path) for method, path in calls(app) if path not in open_paths]
    assert len(closed) > 5
    async with stranger(app) as client:
        for method, path in closed:
            for headers in ({}, {"authorization": "Bearer wrong"}):
                answer = await client.request(method, path, json={}, headers=headers)
                assert answer.status_code == 401, path


@pytest.mark.parametrize("app", [controller(None), worker(None)], ids=["controller", "worker"])
async def test_threat_5_one_caller_keeps_the_server_busy(app: FastAPI) -> None:
    """Bodies without bound are refused on every path; the server answers others meanwhile."""
    posts = [path for method, path in calls(app) if method == "post"]
    async with serving(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for path in posts:
            refused, alive = await asyncio.gather(
                client.post(path, content=TOO_MUCH), client.get("/health")
            )
            assert (refused.status_code, alive.status_code) == (413, 200), path


async def test_threat_5_names_that_take_long_to_find_hold_up_nobody() -> None:
    """0.2.36 stood still for seconds. Who gives an IP address, or localhost, waits for no name."""

    async def never(host: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    trust = Trust(None, find=never)
    slow = asyncio.create_task(trust.check("http://slow.example:1", "127.0.0.1"))
    await asyncio.sleep(0)
    await trust.check("http://localhost:31000", "127.0.0.1")
    await trust.check("http://127.0.0.1:31000", "127.0.0.1")
    assert not slow.done()
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)


def test_threat_6_a_worker_that_claims_everything_gets_its_share() -> None:
    """It took 200 of 200 dispatches at 0.2.36's controller, by lottery."""
    table = Table(lambda: 0.0, Random(0), "lottery")
    for address, speed in (("http://a", 1), ("http://b", 1), ("http://liar", 1e9)):
        table.put(WorkerEntry(address=address, model_names=("m",), speed=speed))
    chosen = Counter(table.choose("m").worker.address for _ in range(3000))
    assert chosen["http://liar"] <= 1.2 * 1000
