"""Keeping an engine's server answering: a child that is started again, or a remote one awaited."""

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import aiohttp

from fastchat.client.http import NETWORK_ERRORS
from fastchat.core.attended import EngineLoad
from fastchat.core.child import Backoff, ending
from fastchat.core.errors import ConfigError, EngineLost, EngineNotReady, PlatformError
from fastchat.engines.served.asking import Asking
from fastchat.engines.served.command import HOST, Command, command
from fastchat.engines.served.options import Options
from fastchat.engines.served.process import EngineProcess

logger = logging.getLogger("engine")

SELDOM = 10

Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience(Backoff):
    """In seconds. A start that takes longer than `unready_s` is told, and again when it took twice
    as long. One that was ready and gives no answer for `silent_s` is replaced. At the end it has
    `grace_s`. Whoever lost an answer waits `verdict_s` for the reason."""

    unready_s: float = 30.0
    silent_s: float = 60.0
    grace_s: float = 10.0
    verdict_s: float = 0.25
    start_probe_every_s: float = 0.2
    probe_every_s: float = 1.0


@dataclass(slots=True)
class State:
    """What is known now; owned by who keeps it. `url` is None while nothing would be answered."""

    url: str | None = None
    trouble: str = "it has not been started yet"
    load: EngineLoad = field(default_factory=EngineLoad)
    context_length: int | None = None


class Keeping(Protocol):
    state: State
    key: str | None

    async def keep(self, session: aiohttp.ClientSession, tell: Callable[[bool], None]) -> None: ...

    async def verdict(self) -> PlatformError:
        """Why an answer broke off."""
        ...


class Remote:
    """It runs somewhere; it is awaited when it is not there, and lives as it likes."""

    def __init__(
        self, options: Options, patience: Patience = Patience(), sleep: Sleep = asyncio.sleep
    ) -> None:
        self.state = State()
        self.key = options.key
        self._options = options
        self._patience = patience
        self._sleep = sleep

    async def keep(self, session: aiohttp.ClientSession, tell: Callable[[bool], None]) -> None:
        title = self._options.row.title
        url = str(self._options.url).rstrip("/").removesuffix("/v1")
        asking = Asking(self._options.row, session, url, self.key)
        while True:
            trouble = await self._trouble(asking, url)
            is_ready, was_ready = not trouble, self.state.url is not None
            if is_ready and not was_ready:
                self.state.context_length = await asking.context_length()
                self.state.url = url
                logger.info("%s at %s answers", title, url)
            elif trouble and trouble != self.state.trouble:
                self.state.url = None
                logger.warning("%s: %s", title, trouble)
            self.state.trouble = trouble
            if is_ready != was_ready:
                tell(is_ready)
            # Who tells no load is only looked after, and may be somebody who counts what is asked.
            seldom = is_ready and self._options.row.gauges is None
            await self._sleep(self._patience.probe_every_s * (SELDOM if seldom else 1))

    async def verdict(self) -> PlatformError:
        return EngineLost(f"{self._options.row.title} broke off its answer.")

    async def _trouble(self, asking: Asking, url: str) -> str:
        try:
            if not await asking.is_well():
                return f"{url} says that it is not well"
            if self._options.row.gauges is not None:
                self.state.load = await asking.load()
        except NETWORK_ERRORS as error:
            return f"{url} does not answer ({str(error) or type(error).__name__})"
        return ""


class Started:
    """A child: started, awaited, watched, and started again when it ended or fell silent."""

    def __init__(
        self, options: Options, patience: Patience = Patience(), sleep: Sleep = asyncio.sleep
    ) -> None:
        self.state = State()
        self.key: str | None = secrets.token_urlsafe(32)
        self._options = options
        self._title = options.row.title
        self._patience = patience
        self._sleep = sleep
        self._process: EngineProcess | None = None
        self._was_ready = False
        command(options, 0, self.key)  # says now what cannot be started

    async def keep(self, session: aiohttp.ClientSession, tell: Callable[[bool], None]) -> None:
        pause_s = 0.0
        try:
            while True:
                healthy_s = await self._live(session, tell)
                pause_s = self._patience.next_pause_s(pause_s, healthy_s)
                logger.warning("%s is started again in %g s", self._title, pause_s)
                await self._sleep(pause_s)
        finally:
            await self._end()

    async def verdict(self) -> PlatformError:
        """The child may have died a moment ago: the reason is worth a short wait."""
        process = self._process
        if process is not None:
            await asyncio.wait([process.end], timeout=self._patience.verdict_s)
            if process.end.done():
                return process.death(self._title, process.end.result())
        return EngineLost(f"{self._title} broke off its answer.")

    async def _live(self, session: aiohttp.ClientSession, tell: Callable[[bool], None]) -> float:
        """One life; how long it was well. Raises `ConfigError` for one that cannot begin."""
        port = _free_port()
        assert self.key is not None
        how = command(self._options, port, self.key)
        url = f"http://{HOST}:{port}"
        asking = Asking(self._options.row, session, url, self.key)
        logger.info("Starting %s: %s", self._title, how)
        self._process = process = await self._start(how)
        if not await self._becomes_ready(process, asking):
            self._failed(process)
            return 0.0
        began = time.monotonic()
        self._was_ready = True
        self.state.context_length = await asking.context_length()
        self.state.url, self.state.trouble = url, ""
        tell(True)
        try:
            await self._watch(process, asking)
        finally:
            self.state.url, self.state.load = None, EngineLoad()
            tell(False)
        return time.monotonic() - began

    async def _start(self, how: Command) -> EngineProcess:
        try:
            return await EngineProcess.start(self._options.row.name, how)
        except OSError as error:
            raise ConfigError(f"{self._title} could not be started: {error}") from None

    async def _becomes_ready(self, process: EngineProcess, asking: Asking) -> bool:
        """False when it ends instead. Loading a model takes as long as it takes."""
        began = time.monotonic()
        tell_after_s = self._patience.unready_s
        while not await self._ends_within(process, self._patience.start_probe_every_s):
            try:
                reason = "" if await asking.is_well() else "answers that it is not well"
            except NETWORK_ERRORS:
                reason = "does not listen yet"
            took_s = time.monotonic() - began
            self.state.trouble = f"{self._title} {reason} after {took_s:.0f} s"
            if not reason:
                logger.info("%s is ready after %.1f s", self._title, took_s)
                return True
            if took_s >= tell_after_s:
                logger.info("%s; it said last: %s", self.state.trouble, process.output.last)
                tell_after_s *= 2
        return False

    async def _watch(self, process: EngineProcess, asking: Asking) -> None:
        """Until it has ended, or has been ended because it gave no answer."""
        heard = time.monotonic()
        while not await self._ends_within(process, self._patience.probe_every_s):
            try:
                self.state.load = await asking.load()
                heard = time.monotonic()
            except NETWORK_ERRORS as error:
                silent_s = time.monotonic() - heard
                if silent_s >= self._patience.silent_s:
                    logger.error("%s gave no answer for %.0f s: %s", self._title, silent_s, error)
                    process.kill()
                    await process.end
        self._note_death(process)

    def _note_death(self, process: EngineProcess) -> None:
        death = process.death(self._title, process.end.result())
        self.state.trouble = death.message
        logger.error("%s Its last lines: %s", death.message, " | ".join(process.output.tail))

    def _failed(self, process: EngineProcess) -> None:
        """It ended before it was ready. Raises `ConfigError` if it never was."""
        process.output.drain()
        reason = f"{self._title} {ending(process.end.result())} before it was ready"
        self.state.trouble = reason
        if not self._was_ready:
            lines = "\n".join(process.output.tail) or "It said nothing."
            raise ConfigError(f"{reason}. Its last lines:\n{lines}")
        logger.error("%s: %s", reason, process.output.last)

    async def _ends_within(self, process: EngineProcess, seconds: float) -> bool:
        nap = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait([nap, process.end], return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
        return process.end.done()

    async def _end(self) -> None:
        """Ask it to finish; end it when it does not."""
        process = self._process
        if process is None or process.end.done():
            return
        process.terminate()
        done, _ = await asyncio.wait([process.end], timeout=self._patience.grace_s)
        if not done:
            process.kill()
            await process.end
        process.output.drain()


def not_ready(title: str, trouble: str) -> EngineNotReady:
    return EngineNotReady(f"{title} is not ready: {trouble}. Ask again soon.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
