"""A worker that takes its time costs nobody else theirs."""

import asyncio
import time
from random import Random

import httpx

from fastchat.controller.app import create_service
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.dispatch import Table
from fastchat.relay import Limits, Relay
from tests.servers import RawServer, read_request, serving, until


async def test_a_silent_worker_holds_up_nobody_but_its_own_caller() -> None:
    """The controller of 0.2.36 stood still for everybody while it asked a worker."""
    said = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        said.set()
        await asyncio.Event().wait()

    pool = WorkerPool(Table(time.monotonic, Random(0)), time.monotonic, expiration_s=90)
    app = create_service(pool, Relay(Limits(silence_s=20)), Trust(None)).app
    async with (
        RawServer(script).listening() as port,
        serving(app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as client,
    ):
        silent = f"http://127.0.0.1:{port}"
        registration = {"worker_name": silent, "check_heart_beat": False, "worker_status": None}
        asking = asyncio.create_task(client.post("/register_worker", json=registration))
        await until(said.is_set)
        assert (await client.post("/list_models")).json() == {"models": []}
        assert (await client.get("/test_connection")).json() == "success"
        assert not asking.done()
        asking.cancel()
