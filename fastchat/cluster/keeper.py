"""Keeps one process running: starts it, and again when it ends or falls silent."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn

from fastchat.cluster.child import Child
from fastchat.cluster.plan import ProcessSpec
from fastchat.cluster.probe import Answer
from fastchat.cluster.status import Observer, State, Status, ending
from fastchat.core.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long to wait for what, in seconds.

    A process that was ready and then gives no answer for `silent_s` is replaced. The pause before
    a new start doubles from `first_pause_s` to `longest_pause_s`, and begins anew for a process
    that was well for `healthy_s`. At the end all together have `grace_s` to finish their work.
    """

    silent_s: float = 60.0
    grace_s: float = 15.0
    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0
    healthy_s: float = 60.0
    start_probe_every_s: float = 0.1
    probe_every_s: float = 5.0

    def next_pause_s(self, last_s: float, healthy_s: float) -> float:
        if last_s == 0.0 or healthy_s >= self.healthy_s:
            return self.first_pause_s
        return min(2 * last_s, self.longest_pause_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What keepers need from outside."""

    launch: Callable[[ProcessSpec], Awaitable[Child]]
    probe: Callable[[str], Awaitable[Answer]]
    observe: Observer
    patience: Patience = Patience()
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, kw_only=True, slots=True)
class _Life:
    reason: str
    healthy_s: float = 0.0


class Keeper:
    def __init__(self, spec: ProcessSpec, around: Surroundings) -> None:
        self.spec = spec
        self.ready = asyncio.Event()  # it has been ready once
        self._child: Child | None = None
        self._around = around
        self._state: State = "waiting"
        self._restarts = 0

    async def keep(self, needs: Iterable["Keeper"] = ()) -> NoReturn:
        """Until cancelled, once those it needs have been ready.

        Raises `ConfigError` when the process ends before it was ever ready.
        """
        pause_s = 0.0
        self._report("waiting")
        for other in needs:
            await other.ready.wait()
        while True:
            life = await self._live()
            if not self.ready.is_set():
                self._report("failed", reason=life.reason)
                raise ConfigError(self._failure(life.reason))
            pause_s = self._around.patience.next_pause_s(pause_s, life.healthy_s)
            self._report("restarting", reason=life.reason, pause_s=pause_s)
            await self._around.sleep(pause_s)
            self._restarts += 1

    async def end(self) -> None:
        """Ask it to finish, and wait until it has."""
        if self._state == "failed":
            return
        if self._child is not None:
            self._report("stopping")
            self._child.terminate()
            await self._child.end
        self._report("stopped")

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()

    def _report(
        self, state: State, *, reason: str = "", took_s: float = 0.0, pause_s: float = 0.0
    ) -> None:
        self._state = state
        child = self._child
        self._around.observe(
            Status(
                process=self.spec.name,
                state=state,
                pid=child.pid if child is not None and not child.end.done() else None,
                restarts=self._restarts,
                reason=reason,
                took_s=took_s,
                pause_s=pause_s,
            )
        )

    async def _live(self) -> _Life:
        began = self._around.clock()
        try:
            self._child = child = await self._around.launch(self.spec)
        except OSError as error:
            return _Life(reason=f"could not be started ({error})")
        self._report("starting")
        if not await self._becomes_ready(child):
            return _Life(reason=ending(await child.end))
        ready = self._around.clock()
        self.ready.set()
        self._report("ready", took_s=ready - began)
        if await self._falls_silent(child):
            child.kill()
            await child.end
            reason = f"gave no answer for {self._around.patience.silent_s:g} s and was killed"
        else:
            reason = ending(await child.end)
        return _Life(reason=reason, healthy_s=self._around.clock() - ready)

    async def _becomes_ready(self, child: Child) -> bool:
        """False when it ends instead. Loading a model takes as long as it takes."""
        while not await self._ends_within(child, self._around.patience.start_probe_every_s):
            if await self._around.probe(self.spec.ready_url) == "ready":
                return True
        return False

    async def _falls_silent(self, child: Child) -> bool:
        """False when it ends instead."""
        silent_since: float | None = None
        while not await self._ends_within(child, self._around.patience.probe_every_s):
            await asyncio.to_thread(child.output.trim)
            if await self._around.probe(self.spec.ready_url) != "silent":
                silent_since = None
            elif silent_since is None:
                silent_since = self._around.clock()
            elif self._around.clock() - silent_since >= self._around.patience.silent_s:
                return True
        return False

    async def _ends_within(self, child: Child, seconds: float) -> bool:
        nap = asyncio.ensure_future(self._around.sleep(seconds))
        try:
            await asyncio.wait([nap, child.end], return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
        return child.end.done()

    def _failure(self, reason: str) -> str:
        sentence = f"{self.spec.name} {reason} before it was ever ready"
        if self._child is None:
            return sentence
        lines = self._child.output.tail()
        path = self._child.output.path
        if not lines:
            return f"{sentence}, and wrote nothing to {path}"
        return "\n".join([f"{sentence}. Its last lines (all are in {path}):", *lines])
