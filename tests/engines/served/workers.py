"""Workers as real processes, on real engines."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.running import ROOT
from tests.servers import free_port

START_S = 600.0


@dataclass(frozen=True)
class Process:
    url: str
    popen: "subprocess.Popen[bytes]"
    log: Path

    @property
    def child(self) -> int:
        """The engine's process."""
        return int(_children(self.popen.pid).split()[0])

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, trust_env=False, timeout=60)

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(self.url + path, json=body, headers=named, trust_env=False, timeout=120)

    @contextmanager
    def streaming(self, path: str, body: object) -> Iterator[Iterator[str]]:
        with httpx.stream(
            "POST", self.url + path, json=body, trust_env=False, timeout=120
        ) as answer:
            yield answer.iter_lines()


@contextmanager
def process(
    folder: Path,
    module: str,
    *arguments: str,
    ready: str = "/ready",
    python: str = sys.executable,
    **variables: str,
) -> Iterator[Process]:
    """From when `ready` answers; ended with SIGTERM, after which it must have ended well. Another
    `python` runs what is installed there, and not this source."""
    port, log = free_port(), folder / f"{module}-{len(list(folder.iterdir()))}.log"
    argv = [
        python,
        "-m",
        f"fastchat.serve.{module}",
        "--port",
        str(port),
        *arguments,
    ]
    environment = os.environ | {"LOGDIR": ""} | variables
    with log.open("wb") as file:
        place = ROOT if python == sys.executable else folder
        popen = subprocess.Popen(argv, cwd=place, env=environment, stdout=file, stderr=file)
    one = Process(f"http://127.0.0.1:{port}", popen, log)
    try:
        wait_until(lambda: popen.poll() is not None or is_ready(one, ready), START_S)
        assert popen.poll() is None, log.read_text()
        yield one
    finally:
        popen.send_signal(signal.SIGTERM)
        status = popen.wait(60)
    assert status == 0, log.read_text()


def is_ready(one: Process, path: str = "/ready") -> bool:
    try:
        return one.get(path).status_code == 200
    except httpx.TransportError:
        return False


def wait_until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    nap = threading.Event()
    for _ in range(int(timeout_s / 0.05)):
        if condition():
            return
        nap.wait(0.05)
    raise TimeoutError


def _children(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()
