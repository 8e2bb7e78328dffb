"""The README's start, as a newcomer walks it: a clone, an empty home, `make serve`, its `curl`."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs.blocks import Block, documented_blocks
from tests.install.test_install import run
from tests.pseudo_terminal import CTRL_C, PseudoTerminal
from tests.running import API, CONTROLLER, ROOT, WORKER, answers, free_ports

pytestmark = [pytest.mark.install, pytest.mark.timeout(900)]

INSTALL_S = 600.0
NOTHING_NEW = "Installing|Fetching"


def block(page: str, begins: str) -> Block:
    (found,) = [b for b in documented_blocks() if b.page == page and b.code.startswith(begins)]
    return found


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    run("git", "clone", "-q", ROOT, tmp_path / "fastchat", cwd=tmp_path)
    return tmp_path / "fastchat"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Nothing but an empty home and where this machine gets its packages from."""
    (tmp_path / "home").mkdir()
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return kept | {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "LANG": "C.UTF-8"}


@pytest.fixture
def ports(tmp_path: Path, environ: dict[str, str]) -> dict[int, int]:
    """Others than the documented ones, which a developer may have in use: `make` reads PLATFORM
    from its environment as well as from its command line, so the block is typed as it stands."""
    ports = dict(zip((CONTROLLER, API, WORKER), free_ports(3), strict=True))
    file = tmp_path / "platform.toml"
    file.write_text(
        f"controller.port = {ports[CONTROLLER]}\napi.port = {ports[API]}\n"
        f"[[models]]\nport = {ports[WORKER]}\nthreads = 1\n"
    )
    environ["PLATFORM"] = str(file)
    return ports


def paste(code: str, environ: Mapping[str, str], ports: Mapping[int, int]) -> str:
    numbers = "|".join(map(str, ports))
    code = re.sub(rf"\b({numbers})\b", lambda found: str(ports[int(found[0])]), code)
    done = subprocess.run(["bash", "-euc", code], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def worker_of(folder: Path) -> int:
    """The process that runs the model, as `fastchat status` or `ps` would show it."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words and b"fastchat.serve.model_worker" in words:
            return int(command.parts[2])
    raise LookupError(f"no worker runs from {folder}")


def test_the_readme_brings_a_newcomer_to_an_answer(
    clone: Path, environ: dict[str, str], ports: dict[int, int], tmp_path: Path
) -> None:
    serve = ["bash", "-euc", block("README.md", "make serve").code]
    curl = block("README.md", "curl").code
    with PseudoTerminal(serve, cwd=clone, environ=environ) as first:
        first.until("Press q or Ctrl-C to stop", INSTALL_S)
        printed = re.search(r"^curl .*?\}'$", first.text, re.MULTILINE | re.DOTALL)
        assert printed is not None, first.text
        for command in (curl, printed[0]):
            assert '"role":"assistant"' in paste(command, environ, ports)
        first.press(CTRL_C)
        # The terminal interrupts make as well, and make passes that on when all is done.
        assert first.wait() in (0, -signal.SIGINT), first.text
        assert first.text.rstrip().endswith("Stopped.")
        assert "Traceback" not in first.text
    assert list((tmp_path / "home").rglob(".fetching-*")) == []

    began = time.monotonic()
    with PseudoTerminal(serve, cwd=clone, environ=environ) as second:
        second.until("Press q or Ctrl-C to stop")
        print(f"\nthe second start was ready after {time.monotonic() - began:.1f} s")  # noqa: T201
        assert not re.search(NOTHING_NEW, second.text)
        killed = worker_of(clone)
        os.kill(killed, signal.SIGKILL)
        second.until(r"model_worker_\d+ is ready again")
        assert worker_of(clone) != killed
        assert '"role":"assistant"' in paste(curl, environ, ports)
        second.press("q")
        assert second.wait() == 0
    assert not any(answers(f"http://127.0.0.1:{port}/health") for port in ports.values())
