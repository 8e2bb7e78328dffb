"""Processes of ours and of FastChat 0.2.36, on loopback and free ports, told apart by one word.

Both are started by the same command lines: that a script need not change is half of the promise.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError

from tests.running import ROOT, ask, free_ports

Side = Literal["ours", "original"]
SIDES: tuple[Side, ...] = ("original", "ours")
OTHER: Mapping[Side, Side] = {"ours": "original", "original": "ours"}

NAME = "smollm2"
TEMPLATE = "OpenHermes-2.5-Mistral-7B"  # ChatML, as SmolLM2 was taught
START_S = 300.0

# A path that answers with 200 as soon as the process can work.
_SIGNS_OF_LIFE: Mapping[tuple[Side, str], tuple[str, object]] = {
    ("ours", "controller"): ("/test_connection", None),
    ("original", "controller"): ("/test_connection", None),
    ("ours", "model_worker"): ("/worker_get_status", {}),
    ("original", "model_worker"): ("/worker_get_status", {}),
    ("ours", "openai_api_server"): ("/health", None),
    ("original", "openai_api_server"): ("/openapi.json", None),
}


def original_python() -> Path:
    """The interpreter that has FastChat 0.2.36 and nothing of ours."""
    default = ROOT / ".venv-original" / "bin" / "python"
    return Path(os.environ.get("ORIGINAL_PYTHON", default))


def until(condition: Callable[[], object], timeout_s: float = 120.0) -> None:
    """Wait for something to come true; fail the test when it does not."""
    for _ in range(int(timeout_s / 0.05)):
        if condition():
            return
        signal.sigtimedwait([], 0.05)
    raise AssertionError(f"it did not come true within {timeout_s} s")


def question(content: str, **settings: object) -> dict[str, Any]:
    """The body of a chat request, deterministic and short unless told otherwise."""
    messages = [{"role": "user", "content": content}]
    return {"model": NAME, "messages": messages, "temperature": 0, "max_tokens": 16} | settings


@dataclass(frozen=True, kw_only=True)
class Server:
    side: Side
    url: str
    log: Path
    process: "subprocess.Popen[bytes]"

    def models(self) -> list[str]:
        """What this controller lists."""
        return sorted(ask(f"{self.url}/list_models", {})[1]["models"])

    def chat(self, content: str, **settings: object) -> tuple[int, Any]:
        """What this API server answers."""
        return ask(f"{self.url}/v1/chat/completions", question(content, **settings))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=30)

    def end(self) -> None:
        """Ours go when asked to; the original's controller never does."""
        if self.side == "ours":
            self.process.terminate()
            self.process.wait(timeout=60)
        else:
            self.kill()

    def _answers(self, path: str, body: object) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"it ended:\n{self.log.read_text(errors='replace')[-3000:]}")
        try:
            return ask(self.url + path, body)[0] == 200
        except (URLError, ConnectionError, TimeoutError):
            return False


@dataclass(kw_only=True)
class Processes:
    """Starts processes, and ends them. Logs are written into `folder`."""

    folder: Path
    weights: Mapping[Side, Path]
    _started: list[Server] = field(default_factory=list)

    def controller(
        self, side: Side, *, port: int | None = None, environ: Mapping[str, str] = {}
    ) -> Server:
        return self._start(side, "controller", port=port, environ=environ)

    def worker(
        self,
        side: Side,
        controller: Server,
        *,
        port: int | None = None,
        template: str = TEMPLATE,
        environ: Mapping[str, str] = {},
    ) -> Server:
        """Registered, with real weights."""
        port = port or free_ports(1)[0]
        address = f"http://127.0.0.1:{port}"
        flags = [
            *("--model-path", str(self.weights[side]), "--model-names", NAME, "--device", "cpu"),
            *("--controller-address", controller.url, "--worker-address", address),
            *("--conv-template", template),
        ]
        server = self._start(side, "model_worker", *flags, port=port, environ=environ)
        until(lambda: NAME in controller.models())
        return server

    def api(self, side: Side, controller: Server, *flags: str) -> Server:
        """In front of a controller that knows a model."""
        address = ("--controller-address", controller.url)
        server = self._start(side, "openai_api_server", *address, *flags, environ={})
        until(lambda: ask(f"{server.url}/v1/models")[1]["data"])
        return server

    def run(self, side: Side, *command: str) -> str:
        """What a program prints that ends by itself."""
        done = subprocess.run(
            [self._python(side), *command],
            cwd=self.folder,
            env=self._environ(side),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def end(self) -> None:
        for server in reversed(self._started):
            if server.process.poll() is None:
                server.end()

    def _start(
        self,
        side: Side,
        module: str,
        *flags: str,
        port: int | None = None,
        environ: Mapping[str, str],
    ) -> Server:
        port = port or free_ports(1)[0]
        log = self.folder / f"{side}-{module}-{port}-{len(self._started)}.out"
        module_flags = ("-m", f"fastchat.serve.{module}", "--host", "127.0.0.1", "--port")
        with log.open("wb") as out:
            process = subprocess.Popen(
                [self._python(side), *module_flags, str(port), *flags],
                cwd=self.folder,
                env=self._environ(side) | dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        server = Server(side=side, url=f"http://127.0.0.1:{port}", log=log, process=process)
        self._started.append(server)
        until(lambda: server._answers(*_SIGNS_OF_LIFE[side, module]), START_S)
        return server

    def _python(self, side: Side) -> str:
        return sys.executable if side == "ours" else str(original_python())

    def _environ(self, side: Side) -> dict[str, str]:
        """The original must find its own package, never the one in this clone."""
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        offline = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        paths = {"PYTHONPATH": str(ROOT)} if side == "ours" else {}
        return inherited | offline | paths | {"LOGDIR": str(self.folder)}


@contextmanager
def processes(folder: Path, weights: Mapping[Side, Path] = {}) -> Iterator[Processes]:
    started = Processes(folder=folder, weights=weights)
    try:
        yield started
    finally:
        started.end()
