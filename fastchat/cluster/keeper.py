"""Keeps one process running: starts it, and again when it ends or falls silent."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import NoReturn

from fastchat.cluster.child import Child
from fastchat.cluster.plan import ProcessSpec
from fastchat.cluster.probe import Answer
from fastchat.cluster.status import Observer, State, Status
from fastchat.core.child import Backoff, ending
from fastchat.core.errors import ConfigError

_REFUSAL = "error: "


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience(Backoff):
    """How long to wait for what, in seconds.

    A start that takes longer than `unready_s` is told, and again when it took twice as long. A
    process that was ready and then gives no answer for `silent_s` is replaced. At the end all
    together have `grace_s` to finish their work.
    """

    silent_s: float = 60.0
    grace_s: float = 15.0
    unready_s: float = 30.0
    start_probe_every_s: float = 0.1
    probe_every_s: float = 5.0


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
    """`last_line` is what a process that ended by itself said last."""

    reason: str
    last_line: str = ""
    healthy_s: float = 0.0

    @property
    def is_refusal(self) -> bool:
        """It said what is wrong in one sentence, as our processes do (`serve._run.fail`)."""
        return self.last_line.startswith(_REFUSAL)

    def __str__(self) -> str:
        said = self.last_line.removeprefix(_REFUSAL)
        return f"{self.reason}: {said}" if said else self.reason


class Keeper:
    def __init__(self, spec: ProcessSpec, around: Surroundings) -> None:
        self.spec = spec
        self.ready = asyncio.Event()  # it has been ready once
        self.has_failed = False  # it has ended, and was never ready
        self._child: Child | None = None
        self._around = around
        self._state: State = "waiting"
        self._restarts = 0

    async def keep(
        self, needs: Iterable["Keeper"], is_hopeless: Callable[["Keeper"], bool]
    ) -> NoReturn:
        """Until cancelled, once those it needs have been ready.

        Raises `ConfigError` when the process ends before it was ever ready, and that is hopeless.
        """
        pause_s = 0.0
        self._report("waiting")
        for other in needs:
            await other.ready.wait()
        while True:
            life = await self._live()
            self.has_failed = not self.ready.is_set()
            if self.has_failed and is_hopeless(self):
                self._report("failed", reason=str(life))
                raise ConfigError(self._failure(life))
            pause_s = self._around.patience.next_pause_s(pause_s, life.healthy_s)
            self._report("restarting", reason=str(life), pause_s=pause_s)
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
        if not await self._becomes_ready(child, began):
            return await _end_of(child)
        ready = self._around.clock()
        self.ready.set()
        self._report("ready", took_s=ready - began)
        if await self._falls_silent(child):
            child.kill()
            await child.end
            silent_s = self._around.patience.silent_s
            life = _Life(reason=f"gave no answer for {silent_s:g} s and was killed")
        else:
            life = await _end_of(child)
        return replace(life, healthy_s=self._around.clock() - ready)

    async def _becomes_ready(self, child: Child, began: float) -> bool:
        """False when it ends instead. Loading a model takes as long as it takes."""
        tell_after_s = self._around.patience.unready_s
        while not await self._ends_within(child, self._around.patience.start_probe_every_s):
            answer = await self._around.probe(self.spec.ready_url)
            if answer == "ready":
                return True
            waited_s = self._around.clock() - began
            if waited_s >= tell_after_s:
                self._report("starting", reason=self._delay(answer, waited_s), took_s=waited_s)
                tell_after_s *= 2
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

    def _delay(self, answer: Answer, waited_s: float) -> str:
        """What is waited for, and where to look."""
        fault = "does not answer at" if answer == "silent" else "answers, but is not ready at"
        log = self._child.output.path if self._child is not None else "its log"
        return f"{fault} {self.spec.ready_url} after {waited_s:.0f} s; see what it does in {log}"

    def _failure(self, life: _Life) -> str:
        if life.is_refusal:
            return f"{self.spec.name} cannot start: {life.last_line.removeprefix(_REFUSAL)}"
        sentence = f"{self.spec.name} {life.reason} before it was ever ready"
        if self._child is None:
            return sentence
        lines = self._child.output.tail()
        path = self._child.output.path
        if not lines:
            return f"{sentence}, and wrote nothing to {path}"
        return "\n".join([f"{sentence}. Its last lines (all are in {path}):", *lines])


async def _end_of(child: Child) -> _Life:
    code = await child.end
    # Who was killed could not say why; its last line is about something else.
    lines = child.output.tail() if code > 0 else []
    return _Life(reason=ending(code), last_line=lines[-1].strip() if lines else "")
