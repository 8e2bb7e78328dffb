"""How long the tokens of a running stream wait while a worker makes vectors of 64 long texts.

    make bench-embeddings

One worker process with one model, which streams all the time; windows with and without the texts
take turns. A delay is the longest pause between two tokens beside the texts, less the longest one
of the window before without them. The limit is 50 ms.
"""

import argparse
import asyncio
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.transformers.asking import PROMPT
from benchmarks.transformers.models import folder_of
from fastchat import __version__
from tests.engines.served.workers import process

LIMIT_MS = 50.0
SENTENCE = "The lighthouse keeper wrote down how the weather had been, ship after ship. "


@dataclass(slots=True)
class Pauses:
    """Of each token: when it came, and the seconds since the one before it."""

    seen: list[tuple[float, float]] = field(default_factory=list)

    def between(self, begin: float, end: float) -> list[float]:
        """In ms, of the tokens that came then."""
        return [pause * 1e3 for came, pause in self.seen if begin < came <= end]


@dataclass(frozen=True, slots=True)
class Window:
    took_s: float
    pauses: list[float]

    @property
    def row(self) -> list[str]:
        median, longest = statistics.median(self.pauses), max(self.pauses)
        high = statistics.quantiles(self.pauses, n=100)[98]
        return [f"{self.took_s:.1f}", f"{median:.1f}", f"{high:.1f}", f"{longest:.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="", help="a folder, random-1b or random-7b")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=int, default=64)
    parser.add_argument("--sentences", type=int, default=12, help="in each text, 16 tokens each")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    words = ["--no-register", "--model-names", "m", "--stream-interval", "1"]
    words += ["--threads", str(args.threads), "--device", args.device, "--context-length", "2048"]
    with folder_of(args.model) as model, tempfile.TemporaryDirectory() as folder:
        words += ["--model-path", str(model), "--engine", "transformers"]
        with process(Path(folder), "model_worker", *words) as worker:
            asyncio.run(_measure(args, worker.url))


async def _measure(args: argparse.Namespace, url: str) -> None:
    console = Console(width=140)
    table = Table(
        title=f"fastchat {__version__}: a stream beside {args.texts} texts of "
        f"{args.sentences * 16} tokens, {args.threads} thread(s), {args.device}, "
        f"{platform.machine()}, Python {platform.python_version()}"
    )
    for column in ("", "window s", "pause ms: median", "99 of 100", "longest"):
        table.add_column(column, justify="right")
    delays = []
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=600) as client:
        await _embed(client, 2, args.sentences)
        async with _streaming(client) as pauses:
            for number in range(args.rounds):
                alone = await _window(pauses, asyncio.sleep(3))
                beside = await _window(pauses, _embed(client, args.texts, args.sentences))
                delays.append(max(beside.pauses) - max(alone.pauses))
                table.add_row(f"{number + 1}: alone", *alone.row)
                table.add_row("beside the texts", *beside.row)
                console.print(f"round {number + 1}: a delay of {delays[-1]:.1f} ms")
                sys.stdout.flush()
    console.print(table)
    shares = [delay / LIMIT_MS for delay in delays]
    console.print(
        f"delay: {statistics.median(delays):.1f} ms ({min(delays):.1f} - {max(delays):.1f}), "
        f"{statistics.median(shares):.2f} ({min(shares):.2f} - {max(shares):.2f}) of the limit of "
        f"{LIMIT_MS:.0f} ms"
    )


async def _window(pauses: Pauses, work: Awaitable[None]) -> Window:
    begin = time.perf_counter()
    await work
    end = time.perf_counter()
    return Window(end - begin, pauses.between(begin, end))


async def _embed(client: httpx.AsyncClient, texts: int, sentences: int) -> None:
    body = {"model": "m", "input": [f"{number}. {SENTENCE * sentences}" for number in range(texts)]}
    answer = await client.post("/v1/embeddings", json=body)
    if answer.status_code != 200 or len(answer.json()["data"]) != texts:
        raise SystemExit(f"no vectors came: {answer.text[:300]}")


@asynccontextmanager
async def _streaming(client: httpx.AsyncClient) -> AsyncIterator[Pauses]:
    """One stream after another; the first token of each is nobody's pause."""
    pauses = Pauses()

    async def read() -> None:
        while True:
            await _stream(client, pauses)

    reading = asyncio.create_task(read())
    try:
        yield pauses
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _stream(client: httpx.AsyncClient, pauses: Pauses) -> None:
    body = {"model": "m", "prompt": PROMPT, "max_tokens": 1500, "stream": True, "temperature": 0}
    body |= {"logit_bias": {"0": -100, "2": -100}}  # it never ends by itself
    before: float | None = None
    async with client.stream("POST", "/v1/completions", json=body) as answer:
        async for line in answer.aiter_lines():
            if not line.startswith("data: {") or not json.loads(line[6:])["choices"]:
                continue
            now = time.perf_counter()
            if before is not None:
                pauses.seen.append((now, now - before))
            before = now


if __name__ == "__main__":
    main()
