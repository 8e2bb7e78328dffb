"""One platform, from its plan until it is told to stop."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TextIO

from fastchat.cluster.birth import birth
from fastchat.cluster.board.board import Board
from fastchat.cluster.board.keyboard import listening
from fastchat.cluster.board.screen import Screen
from fastchat.cluster.child import Launcher
from fastchat.cluster.fetch import fetch_weights, local_weights, weights_bytes
from fastchat.cluster.keeper import Patience, Surroundings
from fastchat.cluster.plan import ProcessSpec, plan
from fastchat.cluster.platform import Platform
from fastchat.cluster.ports import check_ports
from fastchat.cluster.probe import HttpProbe
from fastchat.cluster.report import Narrator, Report, Reporter, welcome
from fastchat.cluster.state import PlatformState, ProcessState, Recorder, StateFolder
from fastchat.cluster.status import Observer, Status
from fastchat.cluster.supervisor import Supervisor
from fastchat.core.errors import ConfigError

# Ctrl-\\ in a terminal, and what `fastchat down --now` sends.
AT_ONCE = signal.SIGQUIT


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """`token` is the cluster's; `output` is the file of a platform in the background."""

    platform: Platform
    launch: Launcher
    folder: StateFolder
    token: str | None = field(default=None, repr=False)
    output: Path | None = None


async def run(start: Start, out: TextIO, keyboard: TextIO | None) -> None:
    """With a `keyboard` the terminal shows a table. Raises `ConfigError` when it cannot start."""
    specs = plan(start.platform)
    _check_ports(specs, start.folder)
    recorder = Recorder(start.folder, _state(start, specs), now=time.time)
    board = Board(lambda: recorder.state, now=time.time, token=start.token, hint="q stops")
    screen = None if keyboard is None else Screen(out, board.draw)
    report = screen or Report(out, clock=time.monotonic)
    stop = asyncio.Event()
    try:
        async with HttpProbe() as probe, AsyncExitStack() as shown:
            observers = (_narrator(start, specs, report), recorder.observe)
            supervisor = _supervisor(start, specs, probe, observers)
            interrupt = partial(_interrupt, stop, supervisor, report)
            _on_signals(interrupt, at_once=partial(_end_at_once, stop, supervisor))
            if screen is not None and keyboard is not None:
                shown.enter_context(listening(keyboard, partial(_press, interrupt)))
                await shown.enter_async_context(board.shown(screen))
            if await _fetch(specs, recorder, report, stop):
                report.line(f"Starting {len(specs)} processes")
                await supervisor.run(stop)
        report.line("Stopped.")
    finally:
        recorder.close()


async def _fetch(
    specs: Sequence[ProcessSpec], recorder: Recorder, report: Reporter, stop: asyncio.Event
) -> bool:
    if recorder.fault is not None:
        report.line(f"`fastchat status` and `fastchat down` will not find this: {recorder.fault}")
    weights = local_weights(specs)
    if not await fetch_weights(weights.values(), report, stop):
        return False
    recorder.weigh({name: weights_bytes(path) for name, path in weights.items()})
    return True


def _narrator(start: Start, specs: Sequence[ProcessSpec], report: Reporter) -> Narrator:
    names = list(dict.fromkeys(name for spec in specs for name in spec.models))
    end = "Press Ctrl-C to stop."
    if start.output is not None:
        end = "It goes on in the background: `fastchat status` shows it, `fastchat down` ends it."
    elif isinstance(report, Screen):
        end = "Press q or Ctrl-C to stop."
    launch = start.launch
    text = welcome(specs, names, launch.logdir, key=bool(launch.keys), end=end)
    return Narrator(report, specs, welcome=text)


def _supervisor(
    start: Start, specs: Sequence[ProcessSpec], probe: HttpProbe, observers: Sequence[Observer]
) -> Supervisor:
    def observe(status: Status) -> None:
        for observer in observers:
            observer(status)

    limits = start.platform.supervisor
    patience = Patience(silent_s=limits.silent_s, grace_s=limits.grace_s)
    return Supervisor(
        specs, Surroundings(launch=start.launch, probe=probe, observe=observe, patience=patience)
    )


def _check_ports(specs: Sequence[ProcessSpec], folder: StateFolder) -> None:
    try:
        check_ports(specs)
    except ConfigError as fault:
        wanted = {spec.port for spec in specs}
        for other in folder.running():
            if wanted & other.ports:
                raise ConfigError(
                    f"a platform already runs here ({other}): `fastchat status` shows it, "
                    "`fastchat down` ends it; a platform file gives this one other ports"
                ) from None
        raise fault


def _state(start: Start, specs: Sequence[ProcessSpec]) -> PlatformState:
    now, pid = time.time(), os.getpid()
    return PlatformState(
        pid=pid,
        birth=birth(pid) or "",
        began=now,
        logdir=str(start.launch.logdir),
        grace_s=start.platform.supervisor.grace_s,
        output=None if start.output is None else str(start.output),
        processes=tuple(
            ProcessState(
                role=spec.role,
                address=spec.address,
                port=spec.port,
                log=str(start.launch.logdir / f"{spec.name}.log"),
                models=spec.models,
                status=Status(process=spec.name, state="waiting"),
                since=now,
            )
            for spec in specs
        ),
    )


def _press(interrupt: Callable[[], None], key: str) -> None:
    if key in "qQ":
        interrupt()


def _interrupt(stop: asyncio.Event, supervisor: Supervisor, report: Reporter) -> None:
    if stop.is_set():
        supervisor.kill()
    else:
        report.line("Stopping; Ctrl-C again ends everything at once.")
        stop.set()


def _end_at_once(stop: asyncio.Event, supervisor: Supervisor) -> None:
    stop.set()
    supervisor.kill()


def _on_signals(interrupt: Callable[[], None], *, at_once: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupt)
    loop.add_signal_handler(signal.SIGTERM, interrupt)
    loop.add_signal_handler(AT_ONCE, at_once)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup asks to live on
        loop.add_signal_handler(signal.SIGHUP, interrupt)
