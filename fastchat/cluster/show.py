"""`fastchat status`: the table of the platforms that run, once or for as long as one looks."""

import asyncio
import signal
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from rich.console import Console

from fastchat.cluster.board.board import Board
from fastchat.cluster.board.screen import Screen
from fastchat.cluster.state import PlatformState, StateFolder, only
from fastchat.core.config import flag

READY, NOT_READY, NOT_RUNNING = 0, 1, 3
_FILE_COLUMNS = 120


@dataclass(frozen=True, kw_only=True)
class StatusConfig:
    """Show what `fastchat up` runs: processes, models, queues, tokens a second, addresses.

    The exit status is 0 when every process is ready, 1 when one is not, 3 when nothing runs.
    """

    port: int | None = flag(None, help="a port of the platform, when several run")
    watch: bool = flag(False, help="go on showing it, until Ctrl-C")


async def show(config: StatusConfig, folder: StateFolder, token: str | None, out: TextIO) -> int:
    """The exit status. Raises `ConfigError` when it is not clear which platform is meant."""
    running = folder.chosen(config.port)
    if not running:
        out.write("No platform of yours runs; `fastchat up` starts one.\n")
        return NOT_RUNNING
    if config.watch:
        return await _watch(only(running), folder, token, out)
    console = Console(file=out, highlight=False, width=None if out.isatty() else _FILE_COLUMNS)
    for state in running:
        await _print(state, token, console)
    return READY if all(state.is_ready for state in running) else NOT_READY


async def _print(state: PlatformState, token: str | None, console: Console) -> None:
    board = Board(lambda: state, now=time.time, token=token)
    await board.read()
    console.print(_title(state), soft_wrap=True, markup=False)
    console.print(board.draw(console.width))


async def _watch(state: PlatformState, folder: StateFolder, token: str | None, out: TextIO) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    latest = state

    def current() -> PlatformState:
        nonlocal latest
        now = [one for one in folder.running() if one.pid == state.pid]
        if now:
            latest = now[0]
        else:
            stop.set()
        return latest

    board = Board(current, now=time.time, token=token, hint="Ctrl-C ends the watching only")
    screen = Screen(out, board.draw)
    screen.line(_title(state))
    async with board.shown(screen):
        await stop.wait()
    if not latest.is_running:
        screen.line("It does not run any more.")
        return NOT_RUNNING
    return READY if latest.is_ready else NOT_READY


def _title(state: PlatformState) -> str:
    began = datetime.fromtimestamp(state.began)
    return (
        f"The platform of process {state.pid}, since {began:%Y-%m-%d %H:%M}. Logs: {state.logdir}"
    )
