"""How long a first text is on its way apart from its engine: to a scripted engine that notes when a
request has come and when it answers, and back. While it seems to think, every core reads through
more memory than its caches hold, as the cores of a real one do."""

import asyncio
import json
import os
import statistics
import threading
import time
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from benchmarks.engines.sides import in_front_of, two_nginx
from benchmarks.engines.streams import MODEL, request
from benchmarks.gateway.environments import NotRun
from benchmarks.spread import judge, spread
from tests.servers import free_port

ADDED_MS = 0.5
WARM = 10
AT_ONCE = 32
THOUGHT_S = 0.008
# Between the first text and the end, so that neither is read with the other.
PAUSE_S = 0.002
ALONE, NGINX, STACK = "nothing", "two nginx", "API server and worker"

_MEMORY = bytes(16 * 1024 * 1024)
_OPENING = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
_SMALL = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
_END = b"\r\n0\r\n\r\n"


@dataclass(slots=True)
class Passage:
    """By one clock, as everything here runs in one process: when the request was written and read,
    and when the first text was."""

    asked: float = 0.0
    came: float = 0.0
    answered: float = 0.0
    heard: float = 0.0

    @property
    def in_ms(self) -> float:
        return (self.came - self.asked) * 1e3

    @property
    def back_ms(self) -> float:
        return (self.heard - self.answered) * 1e3


@dataclass(slots=True)
class Cores:
    """Their caches."""

    pool: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)

    async def think(self) -> None:
        loop, until = asyncio.get_running_loop(), time.perf_counter() + THOUGHT_S
        cores = sorted(os.sched_getaffinity(0))
        await asyncio.gather(
            *(loop.run_in_executor(self.pool, _read_memory, core, until) for core in cores)
        )


class ScriptedEngine(asyncio.Protocol):
    def __init__(self, passage: Passage, cores: Cores) -> None:
        self._passage = passage
        self._cores = cores
        self._received = b""
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]  # as it is

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        if head.startswith(b"GET"):
            self._received = b""
            models = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]})
            self._transport.write(_SMALL % (len(models), models.encode()))
        elif len(body) >= int(head.lower().partition(b"content-length:")[2].split()[0]):
            self._received = b""
            self._passage.came = now
            self._answering = asyncio.create_task(self._answer())

    async def _answer(self) -> None:
        await self._cores.think()
        self._passage.answered = time.perf_counter()
        self._transport.write(
            _OPENING + _event({"role": "assistant", "content": None}) + _event({"content": "word"})
        )
        await asyncio.sleep(PAUSE_S)
        self._transport.write(_event({}, "length") + _chunk(b"data: [DONE]\n\n") + _END[2:])


class Asker(asyncio.Protocol):
    """One connection that is kept."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage
        self._received = b""
        self._ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]  # as it is

    async def ask(self) -> None:
        self._received = b""
        self._passage.heard = 0.0
        self._ended.clear()
        self._passage.asked = time.perf_counter()
        self._transport.write(request(0, 1))
        async with asyncio.timeout(10):
            await self._ended.wait()

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._received += data
        if not self._passage.heard and b'"word"' in self._received:
            self._passage.heard = now
        if self._received.endswith(_END):
            self._ended.set()

    def close(self) -> None:
        self._transport.close()


async def table(folder: Path, python: str, times: int) -> Table:
    told = Table(title=f"first text apart from the engine, caches cold, {times} times in turn")
    for column in ("through", "ms in", "ms back", "ms added (spread)", f"{ADDED_MS} at most"):
        told.add_column(column, justify="right")
    passage, cores = Passage(), Cores()
    loop, port = asyncio.get_running_loop(), free_port()
    with cores.pool, ExitStack() as stack:
        await loop.create_server(lambda: ScriptedEngine(passage, cores), "127.0.0.1", port)
        here = in_front_of(folder, "openai", port, AT_ONCE, python)
        ports = {ALONE: port, STACK: await asyncio.to_thread(stack.enter_context, here)}
        try:
            hops = two_nginx(folder, port)
            ports[NGINX] = await asyncio.to_thread(stack.enter_context, hops)
        except NotRun as reason:
            told.caption = f"two nginx not run: {reason}"
        took = await _took_ms(ports, times, passage, cores)
        for way in (way for way in (ALONE, NGINX, STACK) if way in took):
            told.add_row(way, *_row(took, way))
        await asyncio.to_thread(stack.close)
    return told


async def _took_ms(
    ports: Mapping[str, int], times: int, passage: Passage, cores: Cores
) -> dict[str, list[tuple[float, float]]]:
    loop = asyncio.get_running_loop()
    askers = {
        way: (await loop.create_connection(lambda: Asker(passage), "127.0.0.1", port))[1]
        for way, port in ports.items()
    }
    took: dict[str, list[tuple[float, float]]] = {way: [] for way in askers}
    for number in range(WARM + times):
        ways = list(askers)
        first = number % len(ways)
        for way in ways[first:] + ways[:first]:
            await cores.think()
            await askers[way].ask()
            await asyncio.sleep(PAUSE_S)
            if number >= WARM:
                took[way].append((passage.in_ms, passage.back_ms))
    for asker in askers.values():
        asker.close()
    return took


def _row(took: Mapping[str, list[tuple[float, float]]], way: str) -> tuple[str, ...]:
    both = [f"{statistics.median(part):.2f}" for part in zip(*took[way], strict=True)]
    if way == ALONE:
        return (*both, "", "")
    pairs = zip(took[way], took[ALONE], strict=True)
    seen = spread([sum(later) - sum(alone) for later, alone in pairs])
    added = f"{seen.median:.2f} ({seen.low:.2f} - {seen.high:.2f})"
    return (*both, added, judge(seen, ADDED_MS, at_most=True) if way == STACK else "")


def _read_memory(core: int, until: float) -> None:
    os.sched_setaffinity(threading.get_native_id(), {core})
    while time.perf_counter() < until:
        zlib.crc32(_MEMORY)


def _event(delta: Mapping[str, object], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return _chunk(b"data: %b\n\n" % json.dumps(event | {"choices": [choice]}).encode())


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
