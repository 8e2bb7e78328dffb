"""The platform as processes, with Prometheus, Alertmanager and somebody who is told, all of them
with the files of `deploy/`; only ports and patience are the test's own."""

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

from tests.ops.tools import DEPLOY, tool
from tests.running import ROOT, answers, ask, free_ports

T = TypeVar("T")

# Where no card is, somebody has to say what a worker with one says: marked as what it is.
CARDS = "  - job_name: cards-fixture\n    static_configs: [{ targets: ['127.0.0.1:"

# Workers of ours beat every five seconds.
EXPIRATION_S = "8"
# A model of a provider, and the worker that plays it.
FAR = "far"
FAKE = ("fake-worker", "--answer-tokens", "24", "--stream-interval", "1", "--tokens-per-s", "40")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """`workers` are processes by model; `told` is what the webhook heard, by receiver."""

    api: str
    controller: str
    prometheus: str
    workers: Mapping[str, "subprocess.Popen[bytes]"]
    addresses: Mapping[str, str]
    told: list[tuple[str, Any]]
    logs: Path

    def query(self, expression: str) -> list[dict[str, Any]]:
        url = f"{self.prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        status, answer = ask(url)
        assert status == 200, (expression, answer)
        return list(answer["data"]["result"])

    def targets(self) -> dict[str, str]:
        """Health by address, of every target."""
        _, answer = ask(f"{self.prometheus}/api/v1/targets?state=active")
        return {one["labels"]["instance"]: one["health"] for one in answer["data"]["activeTargets"]}

    def heard_of(self, alert: str, receiver: str) -> list[Any]:
        return [
            one
            for path, message in self.told
            if path == f"/{receiver}"
            for one in message["alerts"]
            if one["labels"]["alertname"] == alert
        ]


def wait_for(condition: Callable[[], T], timeout_s: float = 60) -> T:
    """Until it comes true; what it said then."""
    pause = threading.Event()
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        with suppress(OSError):
            if found := condition():
                return found
        pause.wait(0.2)
    raise AssertionError("it did not come true in time")


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    controller, api, page, prometheus, alertmanager, *ports = free_ports(8)
    addresses = dict(zip(("m", "n", "doomed"), ports, strict=True))
    with ExitStack() as stack:
        hook, told = stack.enter_context(_webhook())

        def start(*command: str) -> "subprocess.Popen[bytes]":
            return stack.enter_context(process(folder, *command))

        fastchat = (sys.executable, "-m", "fastchat")
        url = f"http://127.0.0.1:{controller}"
        remote = _remote(folder, addresses["n"])
        start(*fastchat, "controller", "--port", str(controller))
        start(*fastchat, "openai-api-server", "--port", str(api), "--controller", url,
              "--log-requests", "--arena", "--arena-models", "m", "n", *remote)  # fmt: skip
        start(*fastchat, "gradio-web-server-multi", "--port", str(page), "--host", "127.0.0.1",
              "--controller", url, *remote)  # fmt: skip
        workers = {
            model: start(*fastchat, *FAKE, "--model-names", model, "--port", str(port),
                         "--controller", url)
            for model, port in addresses.items()
        }  # fmt: skip
        config = _configured(
            folder, {21001: controller, 8000: api, 7860: page, 9093: alertmanager, 5001: hook}
        )
        start(tool("prometheus"), f"--config.file={config / 'prometheus.yml'}",
              f"--storage.tsdb.path={folder / 'tsdb'}",
              f"--web.listen-address=127.0.0.1:{prometheus}")  # fmt: skip
        start(tool("prometheus-alertmanager"), f"--config.file={config / 'alertmanager.yml'}",
              f"--storage.path={folder / 'alerts'}", "--cluster.listen-address=",
              f"--web.listen-address=127.0.0.1:{alertmanager}")  # fmt: skip
        stage = Stage(
            api=f"http://127.0.0.1:{api}",
            controller=url,
            prometheus=f"http://127.0.0.1:{prometheus}",
            workers=workers,
            addresses={model: f"localhost:{port}" for model, port in addresses.items()},
            told=told,
            logs=folder / "logs",
        )
        wait_for(
            lambda: answers(f"{stage.api}/ready") and _models(stage) == {*addresses, FAR, "arena"}
        )
        wait_for(lambda: list(stage.targets().values()) == ["up"] * 7)
        yield stage


def _remote(folder: Path, port: int) -> Sequence[str]:
    """Flags of who asks a provider, which is a worker that is asked as one, and has prices."""
    price = {"input": 2000, "output": 10_000, "as_of": "2026-11"}
    one = {"model_name": "n", "api_type": "openai", "api_base": f"http://127.0.0.1:{port}/v1"}
    entry = {**one, "api_key": "k", "dollars_per_day": 1000}
    endpoints, prices = folder / "api_endpoints.json", folder / "prices.json"
    endpoints.write_text(json.dumps({FAR: entry}))
    endpoints.chmod(0o600)
    prices.write_text(json.dumps({FAR: price}))
    return (
        *("--register-api-endpoint-file", str(endpoints), "--price-file", str(prices)),
        *("--database-url", f"sqlite:///{folder / 'fastchat.db'}"),
    )


def _models(stage: Stage) -> set[str]:
    return {one["id"] for one in ask(f"{stage.api}/v1/models")[1]["data"]}


def _configured(folder: Path, ports: Mapping[int, int]) -> Path:
    """The files of `deploy/`, with these ports, and seconds where they have minutes."""
    target = folder / "config"
    (target / "rules").mkdir(parents=True)
    sources = {
        "prometheus.yml": DEPLOY / "prometheus" / "prometheus.yml",
        "rules/fastchat.yml": DEPLOY / "prometheus" / "rules" / "fastchat.yml",
        "alertmanager.yml": DEPLOY / "alertmanager" / "alertmanager.yml",
    }
    for name, source in sources.items():
        text = source.read_text()
        for documented, port in ports.items():
            text = text.replace(f"localhost:{documented}", f"127.0.0.1:{port}")
        text = re.sub(r"(interval|wait): (?:10|15)s", r"\1: 1s", text)
        text = text.replace("scrape_configs:\n", f"scrape_configs:\n{CARDS}{ports[5001]}'] }}]\n")
        text = re.sub(r"for: \d+m", "for: 1s", text)
        (target / name).write_text(text)
    return target


@contextmanager
def process(folder: Path, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
    environ = os.environ | {
        "PYTHONPATH": str(ROOT),
        "FASTCHAT_CONTROLLER_HEART_BEAT_EXPIRATION": EXPIRATION_S,
        "LOGDIR": str(folder / "logs"),
        "FASTCHAT_LOG_FORMAT": "json",
    }
    with (folder / "said.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=30)


@contextmanager
def _webhook() -> Iterator[tuple[int, list[tuple[str, Any]]]]:
    told: list[tuple[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            told.append((self.path, json.loads(self.rfile.read(length))))
            self.send_response(200)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'worker_gpu_utilization_ratio{gpu="0",fixture="yes"} 0.5\n')

        def log_message(self, *arguments: object) -> None:
            """Nothing to the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, told
    finally:
        server.shutdown()
        server.server_close()
