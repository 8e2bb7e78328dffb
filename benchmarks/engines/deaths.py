"""How long after its engine was killed a stream has its last word."""

import asyncio
import os
import signal
import statistics
import tempfile
import time
from pathlib import Path

import httpx
from rich.table import Table

from benchmarks.engines.streams import MODEL, NO_END, PROMPT
from fastchat.core.config import cache_folder
from fastchat.model.weights import DEFAULT_MODEL, resolve
from tests.engines.served.workers import Process, process, wait_until


def table(times: int) -> Table:
    seen = []
    with tempfile.TemporaryDirectory() as folder:
        path = str(resolve(DEFAULT_MODEL, cache=cache_folder()))
        given = ("--no-register", "--model-names", MODEL, "--model-path", path)
        with process(Path(folder), "llama_server_worker", *given) as worker:
            for _ in range(times):
                wait_until(lambda: worker.get("/ready").status_code == 200)
                seen.append(asyncio.run(_death_ms(worker)))
    told = Table(title=f"an engine killed in the middle of a stream, {times} times")
    told.add_column("ms to the stream's last event: median (min - max)", justify="right")
    told.add_row(f"{statistics.median(seen):.1f} ({min(seen):.1f} - {max(seen):.1f})")
    return told


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
