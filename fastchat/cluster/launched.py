"""What `launch_all_serve` started and left running: one file beside the logs."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import msgspec

from fastchat.cluster.birth import birth
from fastchat.core.config import flag
from fastchat.core.errors import ConfigError

STATE_FILE = "launched.json"
SERVERS = ("controller", "model_worker", "openai_api_server")
GRACE_S = 30.0
LOOK_EVERY_S = 0.1


class Launched(msgspec.Struct, frozen=True, kw_only=True):
    """One process, told from another of the same number by its birth."""

    server: str
    pid: int
    birth: str
    log: str

    @property
    def is_running(self) -> bool:
        return birth(self.pid) == self.birth


@dataclass(frozen=True, slots=True)
class LaunchedFile:
    logdir: Path

    def running(self) -> list[Launched]:
        """Raises `ConfigError` when the file cannot be read."""
        try:
            raw = self._path.read_bytes()
            known = msgspec.json.decode(raw, type=list[Launched])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self._path}: {error}") from None
        return [one for one in known if one.is_running]

    def write(self, launched: Sequence[Launched]) -> None:
        if not launched:
            self._path.unlink(missing_ok=True)
            return
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(list(launched)))
        os.replace(fresh, self._path)

    @property
    def _path(self) -> Path:
        return self.logdir / STATE_FILE


@dataclass(frozen=True, kw_only=True)
class ShutdownConfig:
    """End what launch_all_serve started from this folder, and nothing else.

    Running requests get 30 seconds to finish.
    """

    down: str = flag("all", help="which servers to end", choices=lambda: ["all", *SERVERS])
    logdir: Path = flag(Path("logs"), help="folder of the logs that launch_all_serve wrote")


def shutdown(config: ShutdownConfig, say: Callable[[str], None]) -> None:
    file = LaunchedFile(config.logdir)
    running = file.running()
    chosen = [one for one in running if config.down in ("all", one.server)]
    if not chosen:
        say(f"Nothing runs that launch_all_serve started here ({config.logdir}).")
    # From the outside in: requests of the API server still find their workers.
    for one in sorted(chosen, key=lambda one: -SERVERS.index(one.server)):
        say(f"Stopping {one.server}, process {one.pid}")
        end(one)
    file.write([one for one in running if one not in chosen])
    say(f"{config.down} has been shutdown!")


def end(one: Launched, grace_s: float = GRACE_S) -> None:
    """SIGTERM, and SIGKILL when that was not heard."""
    _send(one, signal.SIGTERM)
    pause = Event()
    for _ in range(int(grace_s / LOOK_EVERY_S)):
        if not one.is_running:
            return
        pause.wait(LOOK_EVERY_S)
    _send(one, signal.SIGKILL)


def start(
    server: str, argv: Sequence[str], environment: Mapping[str, str], log: Path
) -> "tuple[Launched, subprocess.Popen[bytes]]":
    """Detached: it outlives this process and its terminal. Raises OSError."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            start_new_session=True,
        )
    return (
        Launched(server=server, pid=process.pid, birth=birth(process.pid) or "", log=str(log)),
        process,
    )


def _send(one: Launched, number: signal.Signals) -> None:
    if one.is_running:
        with suppress(ProcessLookupError):
            os.kill(one.pid, number)
