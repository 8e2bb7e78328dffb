"""Everything that runs while the rounds are measured, started and ended together."""

import http.client
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.gateway.cores import Cores
from benchmarks.gateway.environments import NotRun
from benchmarks.gateway.gateways import GATEWAYS, PAIRED, ROOT, Site
from benchmarks.gateway.processes import Process, running, wait_until
from benchmarks.gateway.scenarios import MODEL, request_body
from fastchat.protocol.cluster import COUNTS, Registration, WorkerStatus
from tests.running import free_ports

START_S = 120.0
DIRECT = "direct"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where a round is sent. The upstream itself is one too; nothing of it is measured but time."""

    name: str
    port: int
    process: Process | None = None
    processes: int = 1
    version: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """`not_run` says of each gateway that is missing why."""

    stack: ExitStack
    cores: Cores
    folder: Path
    cache: Path
    key: str
    flags: Sequence[str]
    say: Callable[[str], None]
    upstream_port: int
    controller_port: int
    targets: list[Target] = field(default_factory=list)
    not_run: dict[str, str] = field(default_factory=dict)

    def open_backstage(self, upstream: Path) -> None:
        """The upstream, and a controller that knows it as a worker."""
        program = [str(upstream), str(self.upstream_port)]
        self._start("upstream", program, self.upstream_port, "/health")
        controller = [sys.executable, "-m", "fastchat.serve.controller", "--host", "127.0.0.1"]
        controller += ["--port", str(self.controller_port), "--logdir", ""]
        # The upstream sends no heart-beats.
        controller += ["--heart-beat-expiration-s", "1e9"]
        self._start("controller", controller, self.controller_port, "/health")
        registration = Registration(
            worker_name=f"http://127.0.0.1:{self.upstream_port}",
            worker_status=WorkerStatus(model_names=(MODEL,)),
            epoch=time.time_ns(),
            dialects=("openai", COUNTS),  # as a worker of ours, for which nothing is parsed
        )
        body = msgspec.json.encode(registration)
        status, text = _call(self.controller_port, "POST", "/register_worker", body)
        if status != 200:
            raise SystemExit(f"error: the controller refused the upstream: {text.decode()}")
        self.targets.append(Target(name=DIRECT, port=self.upstream_port))

    def open(self, name: str, processes: int) -> None:
        label = name if processes == 1 else f"{name} x{processes}"
        self.say(f"starting {label}")
        try:
            self.targets.append(self._opened(name, label, processes))
        except NotRun as reason:
            self.not_run[label] = str(reason)
            self.say(f"NOT RUN: {label}: {reason}")

    def _opened(self, name: str, label: str, processes: int) -> Target:
        folder = self.folder / label.replace(" ", "-")
        folder.mkdir()
        port, spare_port = free_ports(2)
        site = Site(
            folder=folder,
            cache=self.cache,
            port=port,
            spare_port=spare_port,
            upstream_port=self.upstream_port,
            controller_port=self.controller_port,
            key=self.key,
            processes=processes,
            flags=self.flags,
            say=self.say,
        )
        launch = GATEWAYS[name](site)
        log = folder / "log"
        cores = self.cores.gateway if processes == 1 else self.cores.pair
        with ExitStack() as attempt:
            process = attempt.enter_context(running(launch.command, log, cores, launch.environment))
            wait_until(lambda: _answers(port, self.key), process, log, what=name, limit_s=START_S)
            self.stack.push(attempt.pop_all())
        return Target(
            name=label, port=port, process=process, processes=processes, version=launch.version
        )

    def _start(self, name: str, command: Sequence[str], port: int, path: str) -> None:
        log = self.folder / f"{name}.log"
        environment = {"PYTHONPATH": str(ROOT)}
        try:
            process = self.stack.enter_context(running(command, log, self.cores.load, environment))
            wait_until(lambda: _is_up(port, path), process, log, what=name, limit_s=START_S)
        except NotRun as reason:
            raise SystemExit(f"error: {reason}") from None


@contextmanager
def staged(
    names: Sequence[str],
    upstream: Path,
    cores: Cores,
    folder: Path,
    *,
    cache: Path,
    key: str,
    flags: Sequence[str],
    say: Callable[[str], None],
) -> Iterator[Stage]:
    upstream_port, controller_port = free_ports(2)
    with ExitStack() as stack:
        stage = Stage(
            stack=stack,
            cores=cores,
            folder=folder,
            cache=cache,
            key=key,
            flags=flags,
            say=say,
            upstream_port=upstream_port,
            controller_port=controller_port,
        )
        stage.open_backstage(upstream)
        for name in names:
            stage.open(name, 1)
        for name in PAIRED:
            if name in names:
                stage.open(name, 2)
        yield stage


def _answers(port: int, key: str) -> bool:
    """Whether a chat request comes through to the upstream and back."""
    body = request_body("Hello there.", stream=False)
    try:
        status, text = _call(port, "POST", "/v1/chat/completions", body, key)
    except (OSError, http.client.HTTPException):
        return False
    return status == 200 and b"the-upstream-answered" in text


def _is_up(port: int, path: str) -> bool:
    try:
        return _call(port, "GET", path)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def _call(
    port: int, method: str, path: str, body: bytes | None = None, key: str = ""
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
