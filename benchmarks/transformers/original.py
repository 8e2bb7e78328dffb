"""The worker on this engine beside the `model_worker` of FastChat 0.2.36, both as processes.

    make bench-original

Same weights, and once the same type and threads, once what each takes by itself. Both are asked on
the wire of 0.2.36, so many streams at once, in rounds that take turns. A ratio is of neighbours.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from benchmarks.transformers.asking import PROMPT
from fastchat.core.config import cache_folder
from fastchat.model.weights import DEFAULT_MODEL, resolve
from tests.running import free_ports

ROOT = Path(__file__).parents[2]
CONVERT = ROOT / "tests" / "compat" / "convert_smollm2.py"
START_S = 300.0
SAME = ("--dtype", "bfloat16")
# 0.2.36 has no flag for threads: both are told by the variable that PyTorch reads.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Flags and environment of both workers, and those of ours alone."""

    name: str
    flags: Sequence[str] = ()
    ours: Sequence[str] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


SETTINGS = (
    Setting(name="bf16, 1 thread", flags=SAME, ours=("--threads", "1"), environ=ONE_THREAD),
    Setting(name="defaults of each"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--original", type=Path, default=ROOT / ".venv-original/bin/python")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if not args.original.exists():
        sys.exit(f"there is no {args.original}: make bench-original makes it")
    folder = _weights(args.original)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}, {time.strftime('%Y-%m-%d')}, {args.tokens} tokens a "
        f"stream, {args.rounds} rounds\n\n"
        "| setting | streams | ours tok/s | 0.2.36 tok/s | ratio, median (min - max) |\n"
        "|---|---|---|---|---|",
        flush=True,
    )
    for setting in SETTINGS:
        with ExitStack() as stack:
            ours = stack.enter_context(_worker(sys.executable, folder, setting, setting.ours))
            theirs = stack.enter_context(_worker(str(args.original), folder, setting, ()))
            for count in args.streams:
                _print_row(setting, count, asyncio.run(_pairs(args, ours, theirs, count)))


def _print_row(setting: Setting, count: int, pairs: Sequence[tuple[float, float]]) -> None:
    ratios = [ours / theirs for ours, theirs in pairs]
    ours, theirs = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    print(
        f"| {setting.name} | {count} | {ours:.1f} | {theirs:.1f} | "
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f}) |",
        flush=True,
    )


async def _pairs(
    args: argparse.Namespace, ours: str, theirs: str, count: int
) -> list[tuple[float, float]]:
    no_limit = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=no_limit) as session:
        for url in (ours, theirs):
            await _rate(session, url, count, 8)
        return [
            (
                await _rate(session, ours, count, args.tokens),
                await _rate(session, theirs, count, args.tokens),
            )
            for _ in range(args.rounds)
        ]


async def _rate(session: aiohttp.ClientSession, url: str, count: int, tokens: int) -> float:
    began = time.perf_counter()
    said = await asyncio.gather(*(_said(session, url, n, tokens) for n in range(count)))
    return sum(said) / (time.perf_counter() - began)


async def _said(session: aiohttp.ClientSession, url: str, number: int, tokens: int) -> int:
    """Tokens of one streamed answer on the old wire: whole texts, each ended by a zero byte."""
    body = {
        "model": "m",
        "prompt": f"{PROMPT} {number}",
        "temperature": 0,
        "max_new_tokens": tokens,
        "echo": False,
    }
    async with session.post(f"{url}/worker_generate_stream", json=body) as response:
        last = json.loads((await response.read()).rstrip(b"\0").rpartition(b"\0")[2])
    if last["error_code"]:
        sys.exit(f"{url}: {last}")
    return int(last["usage"]["completion_tokens"])


def _weights(original: Path) -> Path:
    """A folder that both versions of transformers read, made by the older one."""
    folder = original.parents[1] / "smollm2"
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        source = resolve(DEFAULT_MODEL, cache=cache_folder())
        subprocess.run([original, CONVERT, source, unfinished], check=True, timeout=900)
        unfinished.rename(folder)
    return folder


@contextmanager
def _worker(python: str, model: Path, setting: Setting, more: Sequence[str]) -> Iterator[str]:
    """Its address, when it answers. Outside the clone, so that 0.2.36 finds its own package."""
    (port,) = free_ports(1)
    flags = ["--host", "127.0.0.1", "--port", str(port), "--no-register", "--device", "cpu"]
    named = ["--model-path", str(model), "--model-names", "m", "--limit-worker-concurrency", "8"]
    is_ours = python == sys.executable
    own = {"PYTHONPATH": str(ROOT)} if is_ours else {}
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", "fastchat.serve.model_worker", *flags, *named, *setting.flags, *more],
            cwd=folder,
            env=environ | own | dict(setting.environ) | {"LOGDIR": folder, "HF_HUB_OFFLINE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            asyncio.run(_ready(url, process, Path(log.name)))
            yield url
        finally:
            process.kill()
            process.wait(timeout=30)


async def _ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    began = time.monotonic()
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < began + START_S and process.poll() is None:
            try:
                async with session.post(f"{url}/worker_get_status", json={}) as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)
    said = await asyncio.to_thread(log.read_text, errors="replace")
    sys.exit(f"{url} was not ready within {START_S:.0f} s:\n{said[-3000:]}")


if __name__ == "__main__":
    main()
