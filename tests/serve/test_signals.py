"""Servers end well when they are told to."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fastchat.serve import commands
from tests.running import ROOT, answers, free_ports


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_running_server_ends_with_status_0(tmp_path: Path, ending: signal.Signals) -> None:
    (port,) = free_ports(1)
    server = start(tmp_path, "fastchat.serve.controller", "--port", str(port))
    while not answers(f"http://127.0.0.1:{port}/health"):
        assert server.poll() is None
    server.send_signal(ending)
    _, said = server.communicate(timeout=30)
    assert server.returncode == 0
    assert "Traceback" not in said


def test_ctrl_c_while_a_model_loads_leaves_no_traceback(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    worker = start(tmp_path, "fastchat.serve.model_worker", "--port", str(port), "--threads", "1")
    assert worker.stderr is not None
    for line in worker.stderr:
        if "Loading the model" in line:
            break
    worker.send_signal(signal.SIGINT)
    _, said = worker.communicate(timeout=30)
    assert worker.returncode in (0, -signal.SIGINT)
    assert "Traceback" not in said


def spellings() -> list[tuple[str, ...]]:
    modules = [(f"fastchat.serve.{name}",) for name in commands()]
    return [*modules, ("fastchat", "controller")]


@pytest.mark.parametrize("command", spellings(), ids=" ".join)
def test_ctrl_c_during_the_imports_leaves_no_traceback(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """A module that every command imports presses Ctrl-C."""
    (tmp_path / "starlette").mkdir()
    (tmp_path / "starlette" / "__init__.py").write_text("import signal\nsignal.raise_signal(2)\n")
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
