"""Tokens a second through API server and worker beside the engine's own server, and the time added.

    make bench-engines
    bash benchmarks/vllm_on_gpu.sh

One process of the engine, asked directly and through the stack in turn; each ratio is of two
neighbouring rounds, so that a machine that slows down slows down both. A round takes about
`--round-s` seconds: how many tokens a stream has follows from a first round, which is not counted.
Streams are read chunk by chunk and checked for their ends. Results are printed as they come. The
last table kills an engine in the middle of a stream.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.spread import judge, spread
from benchmarks.transformers.models import SHAPES, make_shape
from fastchat import __version__
from fastchat.core.config import cache_folder, environment
from fastchat.engines.served import ROWS, Options
from fastchat.engines.served.command import command, slots
from fastchat.model.weights import DEFAULT_MODEL, resolve
from tests.engines.served.workers import Process, process, wait_until
from tests.servers import free_port
from tools.convert_smollm2 import FOLDER

RATIO, ADDED_MS = 0.97, 0.5
COLUMNS = (
    "streams",
    "tokens each",
    "engine tok/s",
    "stack tok/s",
    "ratio (spread)",
    f"at least {RATIO}",
)
# Tokens of one stream: of a round that only shows how fast it is, and what fits into its context.
FEWEST, MOST = 8, 400

VLLM_CPU = "--enforce-eager --dtype bfloat16 --max-num-seqs 32"

# The engine's figures have the streams of the other side for a second after their end, and the
# stack would be told that it is full.
ROOM = ("--limit-worker-queue", "1000")

MODEL = "m"
PROMPT = "Tell me a long story about a lighthouse."
# The tokens that end a turn of this model are ruled out: every stream has the same length.
NO_END = {"0": -100, "2": -100}

_FIRST = re.compile(rb'"content":"[^"]')
_COUNT = re.compile(rb'"completion_tokens":\s*(\d+)')


@dataclass(frozen=True, slots=True)
class Sample:
    """One stream: tokens, seconds to the first text."""

    tokens: int
    first_s: float


@dataclass(frozen=True, slots=True)
class Sides:
    engine: int
    stack: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", nargs="+", default=["llama_server", "vllm"])
    parser.add_argument(
        "--vllm-shape", choices=SHAPES, help="instead of the small model: no weights"
    )
    parser.add_argument("--vllm-arguments", default=VLLM_CPU, help="words for vLLM")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--round-s", type=float, default=2.5)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--firsts", type=int, default=30, help="requests of one token, each way")
    parser.add_argument("--deaths", type=int, default=3)
    args = parser.parse_args()
    console = Console(width=140)
    for name in args.engines:
        console.print(f"{ROWS[name].title} is being started")
        sys.stdout.flush()
        with tempfile.TemporaryDirectory() as folder, _sides(Path(folder), name, args) as sides:
            console.print(uvloop.run(_table(name, sides, args, console)))
    if args.deaths:
        console.print(_deaths(args.deaths))


async def _table(name: str, sides: Sides, args: argparse.Namespace, console: Console) -> Table:
    table = Table(
        title=f"fastchat {__version__} in front of {ROWS[name].title}, "
        f"{args.vllm_shape if name == 'vllm' and args.vllm_shape else DEFAULT_MODEL}, "
        f"{args.rounds} rounds, {platform.machine()}, Python {platform.python_version()}"
    )
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for count in args.streams:
        cells = await _row(sides, args.rounds, await _tokens_for(sides, count, args.round_s), count)
        table.add_row(*cells)
        told = zip(COLUMNS, cells, strict=True)
        console.print(", ".join(f"{column} {cell}" for column, cell in told))
        sys.stdout.flush()
    added = await _added_ms(sides, args.firsts)
    table.caption = (
        f"first text of a request of one token, {args.firsts} pairs: {statistics.median(added):.2f}"
        f" ms added (quartiles {' to '.join(f'{q:.2f}' for q in _quartiles(added))}), of "
        f"{ADDED_MS} ms at most"
    )
    return table


async def _tokens_for(sides: Sides, count: int, round_s: float) -> int:
    """Of each stream, so that a round takes so long; both sides are warm then. A short round is
    mostly prompts, so a longer one has the last word."""
    tokens = FEWEST
    for _ in range(2):
        await _round(sides.stack, tokens, count)
        rate = await _round(sides.engine, tokens, count)
        tokens = max(FEWEST, min(MOST, int(rate * round_s / count)))
    return tokens


async def _row(sides: Sides, rounds: int, tokens: int, count: int) -> list[str]:
    pairs = []
    for number in range(rounds):
        ports = (sides.engine, sides.stack) if number % 2 == 0 else (sides.stack, sides.engine)
        rates = {port: await _round(port, tokens, count) for port in ports}
        pairs.append((rates[sides.engine], rates[sides.stack]))
    seen = spread([stack / engine for engine, stack in pairs])
    return [
        str(count),
        str(tokens),
        f"{statistics.median(engine for engine, _ in pairs):.1f}",
        f"{statistics.median(stack for _, stack in pairs):.1f}",
        f"{seen.median:.3f} ({seen.low:.3f} - {seen.high:.3f})",
        judge(seen, RATIO, at_most=False),
    ]


async def _round(port: int, tokens: int, count: int) -> float:
    """Tokens a second of all streams together."""
    began = time.perf_counter()
    samples = await asyncio.gather(*(_stream(port, index, tokens) for index in range(count)))
    total = sum(sample.tokens for sample in samples)
    if total != tokens * count:
        raise SystemExit(f"{total} tokens came, not {tokens * count}: the streams are not whole")
    return total / (time.perf_counter() - began)


async def _added_ms(sides: Sides, pairs: int) -> list[float]:
    added = []
    for number in range(pairs):
        ports = (sides.engine, sides.stack) if number % 2 == 0 else (sides.stack, sides.engine)
        firsts = {port: (await _stream(port, 0, 1)).first_s for port in ports}
        added.append((firsts[sides.stack] - firsts[sides.engine]) * 1000)
    return added


def _quartiles(values: list[float]) -> tuple[float, float]:
    first, _, third = statistics.quantiles(values, n=4)
    return first, third


async def _stream(port: int, index: int, tokens: int) -> Sample:
    body = json.dumps(
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": f"{PROMPT} ({index})"}],
            "max_tokens": tokens,
            "temperature": 0,
            "logit_bias": NO_END,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    )
    first, pieces = 0.0, list[bytes]()
    while piece := await reader.read(65536):
        pieces.append(piece)
        if not first and _FIRST.search(b"".join(pieces)):
            first = time.perf_counter() - began
    writer.close()
    received = b"".join(pieces)
    counts = _COUNT.findall(received)
    if b"data: [DONE]" not in received or not counts:
        raise SystemExit(f"a stream came to no good end:\n{received[-500:].decode()}")
    return Sample(int(counts[-1]), first)


@contextmanager
def _sides(folder: Path, name: str, args: argparse.Namespace) -> Iterator[Sides]:
    """The engine's own server, and API server and worker in front of it."""
    with ExitStack() as opened:
        options = _vllm(folder, args) if name == "vllm" else _llama_server()
        engine = opened.enter_context(_engine(folder / "engine.log", options))
        at = f"http://127.0.0.1:{engine}"
        # As if the worker had started it: who only has its address takes its usual number for it.
        room = (*ROOM, "--limit-worker-concurrency", str(slots(options)))
        controller = opened.enter_context(process(folder, "controller", ready="/test_connection"))
        here = ("--controller-address", controller.url)
        opened.enter_context(
            process(
                folder,
                f"{name}_worker",
                *("--engine-url", at, "--model-names", MODEL, *room, *here),
            )
        )
        stack = opened.enter_context(process(folder, "openai_api_server", *here))
        wait_until(lambda: MODEL in stack.get("/v1/models").text)
        yield Sides(engine, _port(stack.url))


@contextmanager
def _engine(log: Path, options: Options) -> Iterator[int]:
    """The engine's own server by itself; its port."""
    port = free_port()
    made = command(options, port, "")
    variables = {**made.environment, "VLLM_CPU_KVCACHE_SPACE": "1"}
    for key in ("VLLM_API_KEY", "LLAMA_API_KEY"):
        variables.pop(key, None)
    with log.open("wb") as file:
        running = subprocess.Popen(made.argv, env=variables, stdout=file, stderr=file)
    try:
        wait_until(lambda: running.poll() is not None or _is_well(port), 900)
        if running.poll() is not None:
            said = log.read_text(errors="replace")[-4000:]
            raise SystemExit(f"{options.row.title} ended by itself: {made}\n{said}")
        yield port
    finally:
        running.terminate()
        running.wait(60)


def _vllm(folder: Path, args: argparse.Namespace) -> Options:
    model = cache_folder() / FOLDER
    if args.vllm_shape is not None:
        model = folder / "model"
        make_shape(SHAPES[args.vllm_shape], model)
    return Options(
        row=ROWS["vllm"],
        names=(MODEL,),
        model=str(model),
        python=Path(environment()["VLLM_PYTHON"]),
        context_length=2048,
        arguments=tuple(shlex.split(args.vllm_arguments)),
        environment=environment(),
    )


def _llama_server() -> Options:
    return Options(
        row=ROWS["llama_server"],
        names=(MODEL,),
        model=str(resolve(DEFAULT_MODEL, cache=cache_folder())),
        arguments=("--parallel", "32", "--ctx-size", "512", "--threads-http", "96"),
        environment=environment(),
    )


def _is_well(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _deaths(times: int) -> Table:
    """How long after its engine was killed a stream has its last word."""
    seen = []
    with tempfile.TemporaryDirectory() as folder:
        path = str(resolve(DEFAULT_MODEL, cache=cache_folder()))
        given = ("--no-register", "--model-names", MODEL, "--model-path", path)
        with process(Path(folder), "llama_server_worker", *given) as worker:
            for _ in range(times):
                wait_until(lambda: worker.get("/ready").status_code == 200)
                seen.append(asyncio.run(_death_ms(worker)))
    table = Table(title=f"an engine killed in the middle of a stream, {times} times")
    table.add_column("ms to the stream's last event: median (min - max)", justify="right")
    table.add_row(f"{statistics.median(seen):.1f} ({min(seen):.1f} - {max(seen):.1f})")
    return table


async def _death_ms(worker: Process) -> float:
    body = {"model": MODEL, "stream": True, "max_tokens": 2000, "logit_bias": NO_END}
    body |= {"messages": [{"role": "user", "content": PROMPT}]}
    async with (
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
        client.stream("POST", f"{worker.url}/v1/chat/completions", json=body) as answer,
    ):
        pieces = answer.aiter_bytes()
        await anext(pieces)
        os.kill(worker.child, signal.SIGKILL)
        killed = time.perf_counter()
        said = b"".join([piece async for piece in pieces])
    took_ms = (time.perf_counter() - killed) * 1000
    if b'"error"' not in said:
        raise SystemExit("the stream did not say that its engine died")
    return took_ms


def _port(url: str) -> int:
    return int(urlsplit(url).port or 0)


if __name__ == "__main__":
    main()
