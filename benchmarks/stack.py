"""Tokens a second through the whole stack beside the engine alone, and the time it adds.

    make bench-stack

One engine in this process, and the same engine behind worker and API server as real processes;
both compute with one thread, and only one of the two works at a time. Rounds alternate, and each
ratio is of two neighbours, so that a machine that slows down slows down both. Streams are read
chunk by chunk and checked for their ends.
"""

import argparse
import asyncio
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fastchat import __version__
from fastchat.core.config import cache_folder
from fastchat.core.generation import Chat, Engine, GenerationRequest, Message, Sampling
from fastchat.engines.llama_cpp import Options, create
from fastchat.model.weights import resolve
from tests.running import API, MODEL, RunningPlatform, running_platform

PROMPT = "Tell me a long story about a lighthouse."


@dataclass(frozen=True, slots=True)
class Sample:
    """One stream: tokens, seconds to the first chunk, seconds in all."""

    tokens: int
    first_s: float
    total_s: float


Stream = Callable[[int, int], Awaitable[Sample]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8])
    args = parser.parse_args()
    most = max(args.streams)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_platform(Path(folder), f"concurrency = {most}") as running,
    ):
        asyncio.run(_measure(running, args.rounds, args.tokens, args.streams))


async def _measure(running: RunningPlatform, rounds: int, tokens: int, streams: list[int]) -> None:
    weights = resolve(MODEL, cache=cache_folder())
    engine = create(Options(model=weights, names=(MODEL,), slots=max(streams), threads=1))
    table = Table(
        title=f"fastchat {__version__}, {MODEL}, 1 thread, {tokens} tokens a stream, "
        f"{rounds} rounds, {platform.machine()}, Python {platform.python_version()}"
    )
    for column in ("streams", "engine tok/s", "stack tok/s", "ratio: median (min - max)"):
        table.add_column(column, justify="right")
    table.add_column("first chunk, added ms: median (min - max)", justify="right")
    try:
        for count in streams:
            table.add_row(*await _row(running, engine, rounds, tokens, count))
    finally:
        await engine.aclose()
    Console(width=140).print(table)


async def _row(
    running: RunningPlatform, engine: Engine, rounds: int, tokens: int, count: int
) -> list[str]:
    def alone(index: int, limit: int) -> Awaitable[Sample]:
        return _from_engine(engine, index, limit)

    def stacked(index: int, limit: int) -> Awaitable[Sample]:
        return _from_stack(running.ports[API], index, limit)

    for way in (alone, stacked):
        await _round(way, tokens, count)
    pairs = []
    for number in range(rounds):
        ways = (alone, stacked) if number % 2 == 0 else (stacked, alone)
        results = {way: await _round(way, tokens, count) for way in ways}
        pairs.append((results[alone], results[stacked]))
    rates = [(engine_rate, stack_rate) for (engine_rate, _), (stack_rate, _) in pairs]
    ratios = [stack_rate / engine_rate for engine_rate, stack_rate in rates]
    added = [(stack_first - first) * 1000 for (_, first), (_, stack_first) in pairs]
    return [
        str(count),
        f"{statistics.median(rate for rate, _ in rates):.1f}",
        f"{statistics.median(rate for _, rate in rates):.1f}",
        _spread(ratios, 3),
        _spread(added, 1),
    ]


async def _round(way: Stream, tokens: int, count: int) -> tuple[float, float]:
    """Tokens a second of all streams together, and the median time to a first chunk."""
    began = time.perf_counter()
    samples = await asyncio.gather(*(way(index, tokens) for index in range(count)))
    took = time.perf_counter() - began
    total = sum(sample.tokens for sample in samples)
    if total != tokens * count:
        raise SystemExit(f"{total} tokens came, not {tokens * count}: the streams are not whole")
    return total / took, statistics.median(sample.first_s for sample in samples)


async def _from_engine(engine: Engine, index: int, tokens: int) -> Sample:
    request = GenerationRequest(
        id=str(index),
        model=MODEL,
        prompt=Chat((Message(role="user", content=f"{PROMPT} ({index})"),)),
        max_tokens=tokens,
        sampling=Sampling(temperature=0, logit_bias=_NO_END),
    )
    began = time.perf_counter()
    first = 0.0
    count = 0
    async with aclosing(engine.generate(request)) as chunks:
        async for chunk in chunks:
            first = first or time.perf_counter() - began
            count = chunk.usage.completion_tokens
    return Sample(count, first, time.perf_counter() - began)


async def _from_stack(port: int, index: int, tokens: int) -> Sample:
    body = json.dumps(
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": f"{PROMPT} ({index})"}],
            "max_tokens": tokens,
            "temperature": 0,
            "logit_bias": _NO_END,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ).encode()
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    )
    first = 0.0
    received = b""
    while piece := await reader.read(65536):
        received += piece
        if not first and b'"content":"' in received:
            first = time.perf_counter() - began
    writer.close()
    if b"data: [DONE]\n\n" not in received:
        raise SystemExit(f"a stream came to no good end:\n{received[-500:].decode()}")
    usage = received.rpartition(b'"completion_tokens":')[2]
    return Sample(int(usage.partition(b",")[0]), first, time.perf_counter() - began)


def _spread(values: list[float], digits: int) -> str:
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f} - {high:.{digits}f})"


# Every stream has the same length: the tokens that end a turn of this model are ruled out.
_NO_END = {0: -100, 2: -100}


if __name__ == "__main__":
    main()
