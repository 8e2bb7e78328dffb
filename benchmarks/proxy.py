"""The time to the first event of a stream through nginx with TLS, beside the API server alone.

    make bench-proxy

nginx runs deploy/nginx/fastchat.conf, rate limit and all, in front of an API server and a worker
without a model. Streams alternate between the two ways, each over a connection of its own that is
kept alive, and once over one that is made anew.
"""

import argparse
import asyncio
import platform
import ssl
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table

from fastchat import __version__
from tests.ops.proxied import Proxy, proxied
from tests.ops.stage import process, wait_for
from tests.ops.tools import run
from tests.running import answers, free_ports

MOST_MS = 30
# The file lets ten requests a second pass.
PAUSE_S = 0.12
BODY = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=100, help="of each kind")
    streams = parser.parse_args().streams
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, (controller, api, worker) = Path(name), free_ports(3)
        fastchat = (sys.executable, "-m", "fastchat")
        at = ("--controller", f"http://127.0.0.1:{controller}")
        for command in (
            ("controller", "--port", str(controller)),
            ("openai-api-server", "--port", str(api), *at),
            ("fake-worker", "--answer-tokens", "24", "--tokens-per-s", "200", "--model-names", "m",
             "--port", str(worker), *at),
        ):  # fmt: skip
            stack.enter_context(process(folder, *fastchat, *command))
        url = f"http://127.0.0.1:{api}"
        wait_for(lambda: answers(f"{url}/ready"))
        proxy = stack.enter_context(proxied(url, folder))
        asyncio.run(_measure(url, proxy, streams))


async def _measure(api: str, proxy: Proxy, streams: int) -> None:
    trusted = proxy.trusted
    alone: list[float] = []
    kept: list[float] = []
    anew: list[float] = []
    async with aiohttp.ClientSession() as plain, aiohttp.ClientSession() as session:
        for _ in range(streams):
            alone.append(await _first_ms(plain, api, None))
            kept.append(await _first_ms(session, proxy.url, trusted))
            await asyncio.sleep(PAUSE_S)
            async with aiohttp.ClientSession() as fresh:
                anew.append(await _first_ms(fresh, proxy.url, trusted))
            await asyncio.sleep(PAUSE_S)
    version = run("nginx", "-v").strip().removeprefix("nginx version: ")
    table = Table(
        title=f"fastchat {__version__}, {version}, {streams} streams of each kind, "
        f"{platform.machine()}, Python {platform.python_version()}"
    )
    for column in ("way", "first event, ms: median (min - max)", "p95, ms", f"of {MOST_MS} ms"):
        table.add_column(column, justify="right")
    table.add_row(*_row("API server alone", alone))
    table.add_row(*_row("nginx with TLS", kept))
    table.add_row(*_row("nginx with TLS, new connection", anew))
    Console(width=120).print(table)


async def _first_ms(
    session: aiohttp.ClientSession, base: str, trusted: ssl.SSLContext | None
) -> float:
    began = time.perf_counter()
    async with session.post(
        f"{base}/v1/chat/completions", json=BODY, ssl=trusted or True
    ) as answer:
        answer.raise_for_status()
        first = await answer.content.readline()
        took_ms = (time.perf_counter() - began) * 1e3
        assert first.startswith(b"data: {"), first
        rest = await answer.read()
        assert rest.endswith(b"data: [DONE]\n\n"), rest[-100:]
    return took_ms


def _row(way: str, took_ms: list[float]) -> tuple[str, str, str, str]:
    median, high = statistics.median(took_ms), statistics.quantiles(took_ms, n=20)[-1]
    spread = f"{median:.1f} ({min(took_ms):.1f} - {max(took_ms):.1f})"
    return way, spread, f"{high:.1f}", f"{median / MOST_MS:.2f}"


if __name__ == "__main__":
    main()
