"""Real small processes, and a supervisor at work on them."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Self

from fastchat.cluster.child import Launcher
from fastchat.cluster.keeper import Patience, Surroundings
from fastchat.cluster.plan import ProcessSpec, Role
from fastchat.cluster.probe import Answer, HttpProbe
from fastchat.cluster.status import State, Status
from fastchat.cluster.supervisor import Supervisor
from fastchat.core.config import environment

SERVE = """
import http.server, sys

class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""

# Quick looks, so that a test need not wait; the pauses between starts are as they are.
QUICK = Patience(start_probe_every_s=0.02, probe_every_s=0.05)


class Server:
    """Makes processes that do `first` and then answer 200 until they are ended."""

    def __init__(self, free_port: Callable[[], int]) -> None:
        self._free_port = free_port

    def __call__(
        self, name: str, *, role: Role = "worker", first: str = "", needs: tuple[str, ...] = ()
    ) -> ProcessSpec:
        port = self._free_port()
        return ProcessSpec(
            name=name,
            role=role,
            argv=(sys.executable, "-S", "-c", first + SERVE, str(port)),
            host="127.0.0.1",
            port=port,
            ready_path="/ready",
            declared="[api]",
            depends_on=needs,
            keys_flag="--keys",
        )


def is_running(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def kill(status: Status, signal: int) -> None:
    assert status.pid is not None
    os.kill(status.pid, signal)


async def is_ready(spec: ProcessSpec) -> bool:
    async with HttpProbe() as probe:
        return await probe(spec.ready_url) == "ready"


async def is_silent(spec: ProcessSpec) -> bool:
    async with HttpProbe() as probe:
        return await probe(spec.ready_url) == "silent"


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    while not await holds():  # noqa: ASYNC110  # another process sets no event here
        await asyncio.sleep(0.01)


class Run:
    """A supervisor at work, and everything it has reported."""

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        logdir: Path,
        *,
        keys: str = "",
        patience: Patience = QUICK,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        probe: Callable[[str], Awaitable[Answer]] | None = None,
    ) -> None:
        self.statuses: list[Status] = []
        self.stop = asyncio.Event()
        self._changed = asyncio.Event()
        self._probe = HttpProbe(timeout_s=0.3)
        self.supervisor = Supervisor(
            specs,
            Surroundings(
                launch=Launcher(environment=environment(), logdir=logdir, keys=keys),
                probe=probe or self._probe,
                observe=self._observe,
                patience=patience,
                sleep=sleep,
            ),
        )

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.supervisor.run(self.stop))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        await asyncio.wait([self.task])
        await self._probe.__aexit__()

    async def until(self, process: str, state: State, *, restarts: int = 0) -> Status:
        while True:
            for status in self.statuses:
                if (status.process, status.state, status.restarts) == (process, state, restarts):
                    return status
            assert not self.task.done(), self.statuses
            self._changed.clear()
            await self._changed.wait()

    def order(self, state: State) -> list[str]:
        return [status.process for status in self.statuses if status.state == state]

    def _observe(self, status: Status) -> None:
        self.statuses.append(status)
        self._changed.set()
