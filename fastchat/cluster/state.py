"""What is known of a running platform from outside: one file, written by its `fastchat up`.

A file whose process is gone, or is another one by now, tells of nothing and is removed.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec.structs import replace

from fastchat.cluster.birth import birth
from fastchat.cluster.plan import Role
from fastchat.cluster.status import SETTLED, Status
from fastchat.core.errors import ConfigError


class ProcessState(msgspec.Struct, frozen=True, kw_only=True):
    """`since` is when `status` was reported, in seconds since the epoch."""

    role: Role
    address: str
    port: int
    log: str
    models: tuple[str, ...] = ()
    weights_bytes: int = 0
    status: Status
    since: float

    @property
    def name(self) -> str:
        return self.status.process


class PlatformState(msgspec.Struct, frozen=True, kw_only=True):
    """`output` is where a platform in the background writes its lines. `is_settled` once every
    process has been ready, or is known to have failed."""

    pid: int
    birth: str
    began: float
    logdir: str
    grace_s: float
    output: str | None = None
    is_settled: bool = False
    processes: tuple[ProcessState, ...]

    @property
    def is_ready(self) -> bool:
        return all(process.status.state == "ready" for process in self.processes)

    @property
    def is_running(self) -> bool:
        return birth(self.pid) == self.birth

    @property
    def ports(self) -> frozenset[int]:
        return frozenset(process.port for process in self.processes)

    def address(self, role: Role) -> str:
        return next(process.address for process in self.processes if process.role == role)

    def __str__(self) -> str:
        return f"process {self.pid}, API {self.address('api')}/v1"


class StateFolder:
    """One file for each platform of this user."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def running(self) -> list[PlatformState]:
        found = []
        for path in sorted(self._folder.glob("*.json")):
            state = _read(path)
            if state is not None and state.is_running:
                found.append(state)
            elif state is not None:
                path.unlink(missing_ok=True)
        return sorted(found, key=lambda state: state.began)

    def chosen(self, port: int | None) -> list[PlatformState]:
        """All of them, or the one that has this port. Raises `ConfigError` when none has."""
        running = self.running()
        if port is None:
            return running
        chosen = [state for state in running if port in state.ports]
        if not chosen:
            others = "; ".join(map(str, running)) or "none runs"
            raise ConfigError(f"no platform of yours has the port {port} ({others})")
        return chosen

    def write(self, state: PlatformState) -> None:
        """Whole or not at all. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(state)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(state))
        os.replace(fresh, path)

    def remove(self, state: PlatformState) -> None:
        for path in (self._path(state), self._path(state).with_suffix(".new")):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _path(self, state: PlatformState) -> Path:
        return self._folder / f"{state.pid}.json"


class Recorder:
    """Owns the state of this platform, and keeps its file in step."""

    def __init__(
        self, folder: StateFolder, state: PlatformState, *, now: Callable[[], float]
    ) -> None:
        self._folder = folder
        self._now = now
        self._unsettled = {process.name for process in state.processes}
        self.state = state
        self.fault: OSError | None = None  # why the file cannot be written, if it cannot
        self._write()

    def observe(self, status: Status) -> None:
        if status.state in SETTLED:
            self._unsettled.discard(status.process)
        now = self._now()
        self._change(
            lambda process: (
                replace(process, status=status, since=now)
                if process.name == status.process
                else process
            )
        )

    def weigh(self, sizes: Mapping[str, int]) -> None:
        """The bytes of the weights, by the name of the worker that loads them."""
        self._change(lambda one: replace(one, weights_bytes=sizes.get(one.name, 0)))

    def close(self) -> None:
        self._folder.remove(self.state)

    def _change(self, change: Callable[[ProcessState], ProcessState]) -> None:
        processes = tuple(map(change, self.state.processes))
        self.state = replace(self.state, processes=processes, is_settled=not self._unsettled)
        self._write()

    def _write(self) -> None:
        """A disk that is full must not end the platform."""
        try:
            self._folder.write(self.state)
        except OSError as error:
            self.fault = error


def only(states: Iterable[PlatformState]) -> PlatformState:
    """Raises `ConfigError` when there are several."""
    first, *others = states
    if others:
        every = "; ".join(map(str, (first, *others)))
        raise ConfigError(f"several platforms run ({every}): choose one with --port")
    return first


def _read(path: Path) -> PlatformState | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=PlatformState)
    except (OSError, msgspec.DecodeError):
        return None
