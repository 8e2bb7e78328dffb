"""A hundred readers of the page at once, beside plain event streams as the limit.

    make bench-pages

Every reader asks one question and is told so many words, twenty a second, by an engine that keeps
time. The page runs in one process, the readers in another; both speak real HTTP. The plain stream
sends every word by itself, as no page could do better; the page puts words together, so its
updates are fewer. What must hold: wall time at most 1.2 x ideal, worst first word at most 0.5 s,
the page's process at most 600 MB.
"""

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Protocol

import aiohttp
import uvicorn
from rich.console import Console
from rich.table import Table
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from fastchat import __version__
from fastchat.core.generation import Chunk, Feature, GenerationRequest
from fastchat.storage import Database
from tests.running import answers, free_ports
from tests.webui.pages import page_over
from tests.webui.visitor import Visitor

WORDS_PER_S = 20.0


@dataclass(frozen=True)
class Metronome:
    """Says one word after another, each at its time."""

    words: int
    model_names: Sequence[str] = ("m",)
    features: frozenset[Feature] = frozenset(["chat"])

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        began = time.monotonic()
        for number in range(1, self.words + 1):
            await asyncio.sleep(began + number / WORDS_PER_S - time.monotonic())
            last = number == self.words
            yield Chunk(text=f"word{number} ", finish_reason="stop" if last else None)

    async def aclose(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One reader: seconds to the first word, seconds in all, updates that came."""

    first_s: float
    total_s: float
    updates: int


class Reader(Protocol):
    async def open(self, visitor: Visitor) -> None: ...

    async def read(self, visitor: Visitor, words: int) -> Reading: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, nargs="+", default=[25, 100, 200])
    parser.add_argument("--words", type=int, default=200)
    parser.add_argument("--serve", choices=["page", "plain"], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        _serve(args.serve, args.words, args.port)
    else:
        _measure(args.users, args.words)


def _measure(users: Sequence[int], words: int) -> None:
    ideal = words / WORDS_PER_S
    table = Table(
        title=f"fastchat {__version__}, {words} words a reader at {WORDS_PER_S:g} a second, "
        f"ideal {ideal:g} s, {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )
    for column in ("what", "users", "wall s", "x ideal", "worst first word s"):
        table.add_column(column, justify="right")
    for column in ("updates/s each", "server CPU s", "MB"):
        table.add_column(column, justify="right")
    kinds: dict[str, Reader] = {"plain": PlainReader(), "page": PageReader()}
    for count in users:
        for kind, reader in kinds.items():
            table.add_row(kind, str(count), *_row(kind, reader, count, words, ideal))
    Console(width=140).print(table)


def _row(kind: str, reader: Reader, count: int, words: int, ideal: float) -> list[str]:
    with _server(kind, words) as (url, pid):
        asyncio.run(_round(reader, url, 2, words))  # nothing is loaded for the first time below
        cpu_before = _cpu_s(pid)
        wall, readings = asyncio.run(_round(reader, url, count, words))
        cpu, memory = _cpu_s(pid) - cpu_before, _peak_mb(pid)
    rate = sum(one.updates / one.total_s for one in readings) / count
    return [
        f"{wall:.1f}",
        f"{wall / ideal:.2f}",
        f"{max(one.first_s for one in readings):.2f}",
        f"{rate:.1f}",
        f"{cpu:.1f}",
        f"{memory:.0f}",
    ]


async def _round(reader: Reader, url: str, count: int, words: int) -> tuple[float, list[Reading]]:
    """All have opened the page before the first asks; then all ask at once."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        visitors = [Visitor(session, url) for _ in range(count)]
        await asyncio.gather(*(reader.open(visitor) for visitor in visitors))
        began = time.monotonic()
        readings = await asyncio.gather(*(reader.read(visitor, words) for visitor in visitors))
        return time.monotonic() - began, readings


class PlainReader:
    async def open(self, visitor: Visitor) -> None:
        """There is nothing to open."""

    async def read(self, visitor: Visitor, words: int) -> Reading:
        began, first, updates = time.monotonic(), 0.0, 0
        async with visitor.session.get(visitor.url) as answer:
            async for line in answer.content:
                if line.startswith(b"data:"):
                    first = first or time.monotonic() - began
                    updates += 1
        if updates != words:
            raise SystemExit(f"{updates} words came, not {words}")
        return Reading(first, time.monotonic() - began, updates)


class PageReader:
    async def open(self, visitor: Visitor) -> None:
        await visitor.open()
        await visitor.look()

    async def read(self, visitor: Visitor, words: int) -> Reading:
        began, first, text = time.monotonic(), 0.0, ""
        async with aclosing(visitor.asking("hi")) as updates:
            async for update in updates:
                text += str(update[0])
                if not first and "word1 " in text:
                    first = time.monotonic() - began
        if f"word{words} " not in text:
            raise SystemExit("an answer is not whole")
        return Reading(first, time.monotonic() - began, len(visitor.arrivals))


@contextmanager
def _server(kind: str, words: int) -> Iterator[tuple[str, int]]:
    (port,) = free_ports(1)
    options = ["--serve", kind, "--words", str(words), "--port", str(port)]
    with subprocess.Popen([sys.executable, "-m", "benchmarks.pages", *options]) as process:
        try:
            url, pause = f"http://127.0.0.1:{port}", Event()
            while not answers(f"{url}/health"):
                if process.poll() is not None:
                    raise SystemExit(f"the server of the {kind} measurement ended")
                pause.wait(0.1)
            yield url, process.pid
        finally:
            process.terminate()


def _serve(kind: str, words: int, port: int) -> None:
    engine = Metronome(words)
    with TemporaryDirectory() as folder:
        database = Database.open(f"sqlite:///{folder}/history.db")
        app = page_over(engine, database=database) if kind == "page" else _plain(engine)
        uvicorn.run(app, port=port, log_level="warning", access_log=False, loop="uvloop", ws="none")


def _plain(engine: Metronome) -> Starlette:
    async def events() -> AsyncIterator[bytes]:
        request = GenerationRequest(id="", model="m", prompt="")
        async with aclosing(engine.generate(request)) as chunks:
            async for chunk in chunks:
                yield b"data: " + chunk.text.encode() + b"\n\n"

    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(events(), media_type="text/event-stream")

    async def health(request: Request) -> StreamingResponse:
        return StreamingResponse(iter([b"{}"]))

    return Starlette(routes=[Route("/", stream), Route("/health", health)])


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1000


if __name__ == "__main__":
    main()
