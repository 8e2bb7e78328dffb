"""More streams than a pool of threads has threads: 0.2.36 moved forty at a time."""

import asyncio
import itertools

import httpx

from fastchat.worker.admission import Admission
from fastchat.worker.app import Collaborators, create_service
from fastchat.worker.shell import Shell
from tests.scripted import ScriptedEngine
from tests.servers import serving, until

MANY = 60


async def test_sixty_streams_are_all_under_way_at_once() -> None:
    engine = ScriptedEngine(held=asyncio.Event())
    ticks = itertools.count()
    shell = Shell(engine, Admission(MANY, 0, lambda: float(next(ticks))), stream_interval=1)
    parts = Collaborators(
        shell=shell, announce=None, token=None, wall_clock=lambda: 0.0, new_id=lambda: "id"
    )
    limits = httpx.Limits(max_connections=MANY)
    async with (
        serving(create_service(parts).app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, limits=limits, timeout=30) as client,
        asyncio.TaskGroup() as group,
    ):
        ask = {"model": "m", "prompt": "hi", "echo": False}
        streams = [
            group.create_task(client.post("/worker_generate_stream", json=ask)) for _ in range(MANY)
        ]
        await until(lambda: engine.running == MANY)
        assert engine.held is not None
        engine.held.set()
        answers = [await stream for stream in streams]
    assert all(b'"finish_reason":"stop"' in answer.content for answer in answers)
