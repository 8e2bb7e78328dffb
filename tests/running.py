"""`fastchat up` as a real process with the real model, on ports that nobody else has."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.ports import free_ports as free_ports

ROOT = Path(__file__).parents[1]
MODEL = "smollm2-135m-instruct"
CONTROLLER, API, WORKER, PAGE = 21001, 8000, 31000, 7860
START_S = 300.0


@dataclass(frozen=True, kw_only=True)
class RunningPlatform:
    """`ports` leads from the documented port to the one in use; `log` is what `up` printed."""

    ports: Mapping[int, int]
    folder: Path
    process: "subprocess.Popen[bytes]"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.ports[API]}"

    @property
    def controller(self) -> str:
        return f"http://127.0.0.1:{self.ports[CONTROLLER]}"

    @property
    def worker(self) -> str:
        return f"http://127.0.0.1:{self.ports[WORKER]}"

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.ports[PAGE]}"

    @property
    def logdir(self) -> Path:
        return self.folder / "logs"

    def printed(self) -> str:
        return (self.folder / "up.log").read_text()

    def worker_pid(self) -> int:
        """The worker of the first model."""
        port = f" --port {self.ports[WORKER]} "
        for child in _children(self.process.pid):
            if "fastchat.serve.model_worker" in (line := _command(child)) and port in f"{line} ":
                return child
        raise LookupError(f"no worker on {self.ports[WORKER]} runs below {self.process.pid}")

    def wait_for_model(self, model: str) -> None:
        """Until the page and the API know a worker that answers."""
        pause = Event()
        for _ in range(int(START_S / 0.2)):
            ready = answers(f"{self.worker}/ready") and answers(f"{self.page}/ready")
            if ready and model in ask(f"{self.page}/ready")[1]["models"]:
                return
            pause.wait(0.2)
        pytest.fail(f"{model} did not come back:\n{self.printed()}")

    def pid_of(self, module: str) -> int:
        """The child that runs this entry point."""
        for child in _children(self.process.pid):
            if f"fastchat.serve.{module}" in _command(child):
                return child
        raise LookupError(f"no {module} runs below {self.process.pid}")


@contextmanager
def running_platform(
    folder: Path, settings: str = "", *, api: str = "", page: bool = False, tabs: str = ""
) -> Iterator[RunningPlatform]:
    """`settings` is added to the model's table of the platform file, `api` to the API server's,
    `tabs` to the page's."""
    ports = dict(zip((CONTROLLER, API, WORKER, PAGE), free_ports(4), strict=True))
    file = folder / "platform.toml"
    file.write_text(
        f"[controller]\nport = {ports[CONTROLLER]}\n[api]\nport = {ports[API]}\n{api}\n"
        f"[page]\nenabled = {str(page).lower()}\nport = {ports[PAGE]}\n{tabs}\n"
        f"[[models]]\nport = {ports[WORKER]}\nthreads = 1\n{settings}\n"
    )
    command = [sys.executable, "-m", "fastchat", "up", str(file), "--logdir", str(folder / "logs")]
    with (folder / "up.log").open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=_environ(folder), stdout=out, stderr=out
        )
    running = RunningPlatform(ports=ports, folder=folder, process=process)
    try:
        _wait_until_ready(running)
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def _environ(folder: Path) -> dict[str, str]:
    """What runs for a test is no business of `fastchat status` and `fastchat down` at home."""
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "XDG_STATE_HOME": str(folder / "state"),
        "FASTCHAT_DATA": str(folder / "data"),
    }


def ask(url: str, body: Any = None, *, headers: Mapping[str, str] = {}) -> tuple[int, Any]:
    """Status and decoded JSON of a GET, or of a POST when there is a body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, data, {"content-type": "application/json"} | dict(headers)
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def raw(port: int, request: bytes) -> bytes:
    """All that comes back on one connection; the request asks for its closing."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received


def post(port: int, body: bytes, *, headers: str = "") -> bytes:
    """The answer to a chat request, over a raw socket."""
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    )
    return raw(port, head.encode() + body)


def answers(url: str) -> bool:
    try:
        return ask(url)[0] == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def is_sure_of_its_models(api: str) -> bool:
    """Whether an unknown model is 404: a young platform says 503, for a worker may yet come."""
    asked = {"model": "nobody", "messages": [{"role": "user", "content": "x"}]}
    return ask(f"{api}/v1/chat/completions", asked)[0] == 404


def _wait_until_ready(running: RunningPlatform) -> None:
    pause = Event()
    for _ in range(int(START_S / 0.2)):
        if running.process.poll() is not None:
            pytest.fail(f"`fastchat up` ended:\n{running.printed()}")
        if answers(f"{running.api}/ready"):
            return
        pause.wait(0.2)
    pytest.fail(f"not ready after {START_S} s:\n{running.printed()}")


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _command(pid: int) -> str:
    return re.sub("\0", " ", Path(f"/proc/{pid}/cmdline").read_text())
