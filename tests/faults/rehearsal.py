"""A platform to do harm to: controller and scripted workers as processes, the API server in the
test's own loop, and readers who check every answer token by token."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random

import httpx

from fastchat.dispatch import Table
from fastchat.engines.scripted import answer
from tests.apps import gateway_service
from tests.running import ROOT, free_ports
from tests.servers import running, until

CHAT = "/v1/chat/completions"
TOKENS = 48
STALL_S = 1.0


@dataclass
class Rehearsal:
    """`workers` and `controller` are processes; `addresses` are those that the workers announce."""

    table: Table
    client: httpx.AsyncClient
    controller_port: int
    controller: "subprocess.Popen[bytes]"
    workers: dict[str, "subprocess.Popen[bytes]"]
    stack: ExitStack
    unreadable: set[str]
    asked: int = 0
    readers: list["asyncio.Task[None]"] = field(default_factory=list)
    heard: dict[int, int] = field(default_factory=dict)

    async def read(self, number: int, *, stream: bool = True) -> None:
        """Ask one question; fail unless the answer is whole, exact and one."""
        said = f"question {number}"
        body = {
            "model": "m",
            "messages": [{"role": "user", "content": said}],
            "stream": stream,
        }
        expected = answer(f"user: {said}", TOKENS)
        if not stream:
            whole = await self.client.post(CHAT, json=body)
            assert whole.status_code == 200, whole.text
            assert whole.json()["choices"][0]["message"]["content"] == expected
            return
        chunks, ends = [], 0
        async with self.client.stream("POST", CHAT, json=body) as streamed:
            assert streamed.status_code == 200, await streamed.aread()
            async for line in streamed.aiter_lines():
                if line == "data: [DONE]":
                    ends += 1
                elif line.startswith("data: "):
                    chunks.append(json.loads(line.removeprefix("data: ")))
                    self.heard[number] = len(chunks)
        assert ends == 1, chunks[-1]
        assert "".join(_content(chunk) for chunk in chunks) == expected
        assert len({(chunk["id"], chunk["created"]) for chunk in chunks}) == 1
        assert sum("role" in chunk["choices"][0]["delta"] for chunk in chunks) == 1

    def ask(self, count: int, *, stream: bool = True) -> None:
        for number in range(self.asked, self.asked + count):
            self.readers.append(asyncio.create_task(self.read(number, stream=stream)))
        self.asked += count

    async def under_way(self) -> None:
        """Every stream has begun, and none has ended."""
        streams = range(self.asked)
        await until(lambda: all(self.heard.get(number, 0) > 3 for number in streams))

    async def all_answered(self) -> None:
        """100 %, within half a minute, and no slot stays taken."""
        async with asyncio.timeout(30):
            await asyncio.gather(*self.readers)
        alive = [url for url, process in self.workers.items() if process.poll() is None]
        for url in alive:
            if url not in self.unreadable:
                await self.runs(url, 0)
        others = set(self.workers)
        for url in [url for url in alive if url in self.table]:
            lease = self.table.choose("m", excluding=others - {url})
            assert lease.row.candidate.in_flight == 0

    async def runs(self, url: str, requests: int) -> None:
        """By the worker's own account: a request that was sent may not have come yet."""
        async with asyncio.timeout(10), httpx.AsyncClient(trust_env=False) as client:
            while True:
                load = (await client.get(f"{url}/load")).json()
                if load["running"] == requests and load["waiting"] == 0:
                    return
                await asyncio.sleep(0.05)

    def busiest(self) -> str:
        return max(self.workers, key=self.in_flight)

    def in_flight(self, url: str) -> int:
        lease = self.table.choose("m", excluding=set(self.workers) - {url})
        return lease.row.candidate.in_flight

    def restart_controller(self) -> None:
        self.controller.kill()
        self.controller.wait(timeout=30)
        self.controller = self.stack.enter_context(_controller(self.controller_port))


def _content(chunk: dict[str, list[dict[str, dict[str, str]]]]) -> str:
    return chunk["choices"][0]["delta"].get("content", "")


def started(*command: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "fastchat", *command],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


class ended:
    """Whatever happens to it, the process ends with the test."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def __enter__(self) -> "subprocess.Popen[bytes]":
        return self._process

    def __exit__(self, *reason: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
        self._process.wait(timeout=60)


def _controller(port: int) -> ended:
    return ended(started("controller", "--port", str(port), "--logdir", ""))


SCRIPTED = (
    *("fake-worker", "--answer-tokens", str(TOKENS), "--stream-interval", "1"),
    *("--limit-worker-concurrency", "64"),
)


def _worker(command: Sequence[str], port: int, controller: str, address: str) -> ended:
    place = ("--port", str(port), "--controller", controller, "--worker-address", address)
    return ended(started(*command, "--model-names", "m", "--logdir", "", *place))


class HalfOpen:
    """Between the gateway and a worker: from some moment on the worker's bytes are lost, and nobody
    is told."""

    def __init__(self) -> None:
        self.worker_port = 0
        self._loses = False
        self._writers: list[asyncio.StreamWriter] = []

    def lose(self) -> None:
        self._loses = True

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """The address under which the worker is reached."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.worker_port)
        self._writers += (writer, back)
        await asyncio.gather(self._there(reader, back), self._back(there, writer))

    async def _there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if not self._loses:
                    writer.write(data)
        if not self._loses:
            writer.close()


def restart(platform: Rehearsal, url: str, *flags: str) -> None:
    """Its successor, under its own address and port."""
    controller, port = f"http://127.0.0.1:{platform.controller_port}", int(url.rpartition(":")[2])
    worker = _worker([*SCRIPTED, *flags], port, controller, url)
    platform.workers[url] = platform.stack.enter_context(worker)


def another(platform: Rehearsal, place: HalfOpen, *flags: str) -> None:
    """A worker that takes the place of the one behind `place`: new connections lead to it."""
    (port,) = free_ports(1)
    place.worker_port = port
    (address,) = platform.unreadable
    controller = f"http://127.0.0.1:{platform.controller_port}"
    platform.stack.enter_context(_worker([*SCRIPTED, *flags], port, controller, address))


@asynccontextmanager
async def rehearsing(
    count: int,
    *flags: str,
    through: HalfOpen | None = None,
    command: Sequence[str] = SCRIPTED,
) -> AsyncIterator[Rehearsal]:
    """`command` starts each worker, with `flags`; the first is reached `through` a link that may
    lose bytes."""
    controller_port, *ports = free_ports(count + 1)
    url = f"http://127.0.0.1:{controller_port}"
    table = Table(time.monotonic, Random(0), complete=False)
    async with AsyncExitStack() as links:
        stack = links.enter_context(ExitStack())
        addresses = [f"http://localhost:{port}" for port in ports]
        if through is not None:
            through.worker_port = ports[0]
            addresses[0] = await links.enter_async_context(through.listening())
        controller = stack.enter_context(_controller(controller_port))
        workers = {
            address: stack.enter_context(_worker([*command, *flags], port, url, address))
            for address, port in zip(addresses, ports, strict=True)
        }
        unreadable = set() if through is None else {addresses[0]}
        service = gateway_service(
            table,
            report=lambda _: None,
            timeout_s=90,
            stall_s=STALL_S,
            wait_s=60,
            controller=url,
        )
        async with (
            running(service.app, endpoints=service.endpoints) as server,
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{server.config.port}",
                trust_env=False,
                timeout=60,
                limits=httpx.Limits(max_connections=None),
            ) as client,
        ):
            await until(lambda: len(table.entries()) == count, timeout_s=60)
            yield Rehearsal(table, client, controller_port, controller, workers, stack, unreadable)
