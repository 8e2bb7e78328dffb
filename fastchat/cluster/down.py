"""`fastchat down`: ends a platform that `fastchat up` started, and nothing else."""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass

from fastchat.cluster.report import Reporter
from fastchat.cluster.run import AT_ONCE
from fastchat.cluster.state import PlatformState, StateFolder, only
from fastchat.core.config import flag
from fastchat.core.errors import ConfigError

_LOOK_EVERY_S = 0.1
# Beyond the time that requests have: for processes to end in, one after the other.
_MARGIN_S = 15.0


@dataclass(frozen=True, kw_only=True)
class DownConfig:
    """End the platform that `fastchat up` started, in whichever terminal or in the background.

    Running requests may finish first, as long as supervisor.grace_s of the platform file says. Only
    processes of that platform are touched; when several platforms run, --port chooses one.
    """

    port: int | None = flag(None, help="a port of the platform, when several run")
    now: bool = flag(False, help="end everything at once; running requests are cut off")


async def down(
    config: DownConfig, folder: StateFolder, report: Reporter, *, margin_s: float = _MARGIN_S
) -> None:
    """Raises `ConfigError` when it is not clear which platform is meant, or it does not end."""
    running = folder.chosen(config.port)
    if not running:
        report.line("No platform of yours runs.")
        return
    state = only(running)
    until_when = "at once" if config.now else f"requests have {state.grace_s:g} s to finish"
    report.line(f"Stopping the platform ({state}); {until_when}")
    _send(state, AT_ONCE if config.now else signal.SIGTERM)
    limit_s = margin_s if config.now else state.grace_s + margin_s
    if await _ends_within(limit_s, state, folder, report):
        report.line("Stopped.")
        return
    if not config.now:
        raise ConfigError(
            f"process {state.pid} still runs after {limit_s:g} s: end it with `fastchat down --now`"
        )
    _send(state, signal.SIGKILL)  # its children notice and end themselves
    report.line(f"Process {state.pid} did not listen and was killed.")


async def _ends_within(
    limit_s: float, state: PlatformState, folder: StateFolder, report: Reporter
) -> bool:
    stopped: set[str] = set()
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            while state.is_running:
                for name in _stopped(state, folder) - stopped:
                    report.line(f"  {name} has stopped")
                    stopped.add(name)
                await asyncio.sleep(_LOOK_EVERY_S)
            return True
    return False


def _stopped(state: PlatformState, folder: StateFolder) -> set[str]:
    return {
        process.name
        for now in folder.running()
        if now.pid == state.pid
        for process in now.processes
        if process.status.state == "stopped"
    }


def _send(state: PlatformState, number: signal.Signals) -> None:
    if state.is_running:  # and is no other process under the same number
        with suppress(ProcessLookupError):
            os.kill(state.pid, number)
