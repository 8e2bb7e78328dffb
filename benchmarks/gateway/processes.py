"""Processes on cores of their own that end with this one, whatever happens to it."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

from benchmarks.gateway.environments import NotRun

PR_SET_PDEATHSIG = 1
END_S = 10.0
POLL_S = 0.1

Process = subprocess.Popen[bytes]


@contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    cores: Sequence[int],
    environment: Mapping[str, str] = {},
) -> Iterator[Process]:
    """Started in `log`'s folder, as the leader of its own session; ended with all its children."""
    try:
        with log.open("ab") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=log.parent,
                env={**_clean(), **environment},
                start_new_session=True,
                preexec_fn=_prepared(cores),
            )
    except OSError as error:
        raise NotRun(f"{command[0]} cannot be started: {error.strerror}") from None
    try:
        yield process
    finally:
        _end(process)


@contextmanager
def talking(command: Sequence[str | Path], log: Path, cores: Sequence[int]) -> Iterator[Process]:
    """One that reads lines and writes lines; it is not asked to end but killed."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            preexec_fn=_prepared(cores),
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(
    ready: Callable[[], bool], process: Process, log: Path, *, what: str, limit_s: float
) -> None:
    """Raises `NotRun`, with the process's last words, when it ends or takes too long."""
    pause = Event()
    for _ in range(int(limit_s / POLL_S)):
        if process.poll() is not None:
            raise NotRun(f"{what} ended with status {process.returncode}: {last_words(log)}")
        if ready():
            return
        pause.wait(POLL_S)
    raise NotRun(f"{what} did not answer within {limit_s:g} s: {last_words(log)}")


def last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return " / ".join(line.strip()[:200] for line in lines[-3:]) or "it said nothing"


def _clean() -> dict[str, str]:
    """Our environment without the settings of the operator's own platform, without a proxy, and
    without packages from elsewhere."""
    theirs = ("FASTCHAT_", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    return kept | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def _prepared(cores: Sequence[int]) -> Callable[[], None]:
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def prepare() -> None:
        os.sched_setaffinity(0, cores)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _end(process: Process) -> None:
    """The whole group: nothing that it left behind may go on."""
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
