"""Fault 2, as far as dispatch goes: a worker that is stopped gets nothing until it goes on."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from random import Random

import aiohttp
import pytest

from fastchat.client import ControllerClient
from fastchat.controller.app import create_service
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.dispatch import Following, Probing, Table
from fastchat.relay import Limits, Relay
from tests.running import ROOT, free_ports
from tests.servers import serving, until


@contextmanager
def fake_worker(port: int, controller: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "fastchat", "fake-worker", "--port", str(port)]
    command += ["--model-names", "m", "--controller", controller, "--logdir", ""]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(timeout=60)


@asynccontextmanager
async def dispatching(controller: str) -> AsyncIterator[Table]:
    """A table that follows the controller and probes, as in a gateway."""
    table = Table(time.monotonic, Random(0), complete=False)
    async with aiohttp.ClientSession() as session:

        async def is_alive(address: str) -> bool:
            async with session.get(f"{address}/ready") as answer:
                return answer.status < 500

        tasks = [
            asyncio.create_task(Following(table).run(ControllerClient(session, controller))),
            asyncio.create_task(Probing(table, is_alive, look_s=0.05, answer_s=0.5).run()),
        ]
        try:
            yield table
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("policy", ["lottery", "shortest_queue"])
async def test_a_stopped_worker_loses_its_share_until_it_goes_on(policy: str) -> None:
    pool = WorkerPool(Table(time.monotonic, Random(0), policy), time.monotonic, 90)
    service = create_service(pool, Relay(Limits()), Trust(None))
    async with serving(service.app) as controller, dispatching(controller) as table:
        with ExitStack() as stack:
            stopped, good = free_ports(2)
            worker = stack.enter_context(fake_worker(stopped, controller))
            stack.enter_context(fake_worker(good, controller))
            await until(lambda: len(table.entries()) == 2)
            worker.send_signal(signal.SIGSTOP)
            # A request that hangs there is what makes it suspect.
            lease = table.choose("m", excluding=[f"http://localhost:{good}"])
            with table.hold(lease):
                await until(lambda: len(table.choose("m").dispatched.names) == 1)
                chosen = {table.choose("m").worker.address for _ in range(50)}
                assert chosen == {f"http://localhost:{good}"}
                worker.send_signal(signal.SIGCONT)
                await until(lambda: len(table.choose("m").dispatched.names) == 2)
            await pool.dismiss()
