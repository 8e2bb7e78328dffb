"""`fastchat top`: reads again and again, and shows each time."""

import asyncio
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

import aiohttp
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from fastchat.core.config import flag
from fastchat.core.errors import ConfigError
from fastchat.core.values import http_url
from fastchat.terminal.remote_chat import ApiFlags
from fastchat.terminal.say import say
from fastchat.terminal.top.drawing import draw
from fastchat.terminal.top.lines import json, plain
from fastchat.terminal.top.reading import Reader, Reading
from fastchat.terminal.top.view import View, view

# Numbers a second are means over so long: answers end too seldom for less.
WINDOW_S = 10.0
HINT = "Numbers a second are means of the last ten seconds. Ctrl-C ends the watching only."

Show = Callable[[View], None]


@dataclass(frozen=True, kw_only=True)
class TopConfig(ApiFlags):
    """Show what a running platform does: models, workers, keys, queues, tokens a second, errors.

    It asks the controller for the workers, each of them for its load, and the API server for its
    figures; what does not answer is left out and named. A worker that serves several models counts
    for each of them. On a terminal the picture is drawn anew; into a file or a pipe each reading is
    some lines, NAME=VALUE.

    Examples:

        fastchat top
        fastchat top --once --json
        FASTCHAT_API_KEY=... fastchat top --controller http://gpu1:21001 --api http://gpu1:8000
    """

    controller_address: str = flag(
        "http://localhost:21001",
        help="controller of the platform",
        names=("--controller",),
        metavar="URL",
        parse=http_url,
    )
    cluster_token: str | None = flag(
        None, help="its cluster token", env="FASTCHAT_CLUSTER_TOKEN", secret=True
    )
    interval: float = flag(1.0, help="seconds between two readings", at_least=0.2, at_most=3600)
    once: bool = flag(False, help="end after the first two readings, which make the rates")
    json: bool = flag(False, help="an object in a line for each reading, for programs")


async def top(config: TopConfig, out: TextIO = sys.stdout) -> None:
    """Raises `ConfigError` when nothing of a platform answers at its start."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    async with aiohttp.ClientSession() as session:
        reader = Reader(
            session=session,
            controller=config.controller_address,
            api=config.api,
            clock=time.monotonic,
            token=config.cluster_token,
            key=config.key(),
        )
        first = await reader()
        if first.table is None and first.samples is None:
            raise ConfigError(
                f"no platform tells anything at {config.controller_address} and {config.api}: "
                "`fastchat up` starts a platform; --controller and --api name one elsewhere\n"
                + "\n".join(first.faults)
            )
        with _shown(config, out) as show:
            async with aclosing(_views(reader, first, config.interval, stop)) as views:
                async for seen in views:
                    show(seen)
                    if config.once:
                        return


async def _views(
    read: Reader, first: Reading, interval_s: float, stop: asyncio.Event
) -> AsyncGenerator[View, None]:
    readings = deque([first])
    while not await _is_set(stop, interval_s):
        readings.append(await read())
        while len(readings) > 2 and readings[-1].at - readings[1].at >= WINDOW_S:
            readings.popleft()
        yield view(readings[0], readings[-1])


async def _is_set(stop: asyncio.Event, patience_s: float) -> bool:
    try:
        await asyncio.wait_for(stop.wait(), patience_s)
    except TimeoutError:
        return False
    return True


@contextmanager
def _shown(config: TopConfig, out: TextIO) -> Iterator[Show]:
    if config.json:
        yield lambda seen: say(json(seen, _now()))
    elif not out.isatty():
        yield lambda seen: say(plain(seen, _now()))
    else:
        console = Console(file=out, highlight=False, markup=False, emoji=False)
        if config.once:
            yield lambda seen: console.print(draw(seen))
            return
        with Live(console=console, screen=True, auto_refresh=False) as live:
            yield lambda seen: live.update(
                Group(draw(seen), "", Text(HINT, style="dim")), refresh=True
            )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
