"""A running platform for the blocks of the documentation, on ports that nobody else has."""

import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

CONTROLLER, API, WORKER = 21001, 8000, 31000


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Somebody who reads the documentation beside a running platform and types what it says.

    `ports` leads from the documented port to the one in use; `environ` is all that is set.
    """

    ports: Mapping[int, int]
    environ: Mapping[str, str]
    folder: Path

    def types(self, code: str) -> str:
        numbers = "|".join(map(str, self.ports))
        return re.sub(rf"\b({numbers})\b", lambda found: str(self.ports[int(found[0])]), code)


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("reader")
    ports = dict(zip((CONTROLLER, API, WORKER), _free_ports(3), strict=True))
    environ = _environ(home=folder / "home")
    file = folder / "platform.toml"
    file.write_text(
        f"[controller]\nport = {ports[CONTROLLER]}\n[api]\nport = {ports[API]}\n"
        f"[[models]]\nport = {ports[WORKER]}\n"
    )
    log = folder / "up.log"
    command = [sys.executable, "-m", "fastchat", "up", str(file)]
    with log.open("wb") as out:
        up = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out, stderr=out)
    try:
        _wait_until_ready(up, f"http://127.0.0.1:{ports[API]}/ready", log)
        yield Reader(ports=ports, environ=environ, folder=_checkout(folder / "fastchat"))
    finally:
        up.terminate()
        up.wait(timeout=60)


def _environ(*, home: Path) -> dict[str, str]:
    home.mkdir()
    cache = os.environ.get("FASTCHAT_CACHE") or str(Path.home() / ".cache" / "fastchat")
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return kept | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "FASTCHAT_CACHE": cache,
    }


def _checkout(folder: Path) -> Path:
    """The repository as its blocks see it: what they write beside it stays out of it."""
    folder.mkdir()
    for entry in ROOT.iterdir():
        if not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry)
    return folder


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [bound.getsockname()[1] for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports


def _wait_until_ready(up: subprocess.Popen[bytes], url: str, log: Path) -> None:
    while not _answers(url):
        try:
            up.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"`fastchat up` ended with status {up.returncode}:\n{log.read_text()}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
