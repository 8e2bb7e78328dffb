"""One API server of two processes: limits of workers, and what is known of them, are both's."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

import httpx
import pytest

from tests.exposition import Told
from tests.faults.rehearsal import CHAT, Rehearsal, ended, rehearsing, started
from tests.running import free_ports
from tests.serve.test_several import children

pytestmark = pytest.mark.faults


def asked(said: str) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": said}], "stream": True}


@dataclass(frozen=True)
class Pair:
    """Every request is a new connection: whichever process is not stopped takes it."""

    url: str
    pids: tuple[int, ...]

    @contextmanager
    def without(self, number: int) -> Iterator[None]:
        os.kill(self.pids[number], signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pids[number], signal.SIGCONT)

    async def told(self) -> Told:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            return Told((await client.get(f"{self.url}/metrics")).text)

    async def ask(self, said: str) -> tuple[int, str]:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            answered = await client.post(f"{self.url}{CHAT}", json=asked(said))
            return answered.status_code, answered.text


@asynccontextmanager
async def pair(platform: Rehearsal) -> AsyncIterator[Pair]:
    (port,) = free_ports(1)
    place = ("--port", str(port), "--controller", f"http://127.0.0.1:{platform.controller_port}")
    with ended(started("openai-api-server", "--workers", "2", "--logdir", "", *place)) as server:
        url = f"http://127.0.0.1:{port}"
        await _both_know_the_worker(url)
        yield Pair(url, tuple(sorted(children(server.pid))))
        server.terminate()
        assert await asyncio.to_thread(server.wait, 60) == 0


async def _both_know_the_worker(url: str) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False, timeout=30) as client:
        while True:
            with suppress(httpx.TransportError):
                told = Told((await client.get(f"{url}/metrics")).text)
                if told.labels("gateway_model_workers", "process") == {"1", "2"}:
                    return
            await asyncio.sleep(0.2)


async def test_a_worker_that_one_process_filled_is_full_for_the_other() -> None:
    slow = ("--limit-worker-concurrency", "1", "--limit-worker-queue", "0", "--tokens-per-s", "20")
    async with rehearsing(1, *slow) as platform, pair(platform) as both:
        with both.without(1):
            async with (
                httpx.AsyncClient(trust_env=False, timeout=60) as client,
                client.stream("POST", f"{both.url}{CHAT}", json=asked("first")) as answer,
            ):
                lines = answer.aiter_lines()
                await anext(lines)
                os.kill(both.pids[1], signal.SIGCONT)
                with both.without(0):
                    status, said = await both.ask("second")
                rest = [line async for line in lines]
        assert (status, "full (1)" in said) == (503, True), "from its table: no worker was asked"
        assert rest[-2:] == ["data: [DONE]", ""]


async def test_a_worker_that_died_for_one_process_is_left_alone_by_the_other() -> None:
    async with rehearsing(2) as platform, pair(platform) as both:
        dead = next(iter(platform.workers))
        with both.without(1):
            platform.workers[dead].kill()
            async with asyncio.timeout(30):
                while (await both.ask("anything"))[0] == 200:
                    states = await both.told()
                    if states.value("gateway_worker_breaker_state", process="1", worker=dead):
                        break
        states = await both.told()
        assert states.value("gateway_worker_breaker_state", process="2", worker=dead) > 0
