"""A running process that this one started: how it ends, and what became of it."""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass


class Child:
    """Leader of its own session: the terminal's Ctrl-C does not reach it. `end` is its return code,
    when it has one; what it started is ended with it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self.end = asyncio.create_task(self._reap(process))

    def terminate(self) -> None:
        if not self.end.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """At once, with everything it started."""
        if not self.end.done():
            _kill_group(self.pid)

    async def _reap(self, process: asyncio.subprocess.Process) -> int:
        code = await process.wait()
        _kill_group(self.pid)  # engines that it left behind would keep their memory
        return code


@dataclass(frozen=True, kw_only=True, slots=True)
class Backoff:
    """The pause before a new start doubles from `first_pause_s` to `longest_pause_s`, and begins
    anew for a process that was well for `healthy_s`."""

    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0
    healthy_s: float = 60.0

    def next_pause_s(self, last_s: float, healthy_s: float) -> float:
        if last_s == 0.0 or healthy_s >= self.healthy_s:
            return self.first_pause_s
        return min(2 * last_s, self.longest_pause_s)


def ending(code: int) -> str:
    """What became of a process, from its return code."""
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
