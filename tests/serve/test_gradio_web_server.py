"""The page as a process: it warns, it opens, it drains."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import ROOT, answers, free_ports

COMMAND = (sys.executable, "-m", "fastchat.serve.gradio_web_server")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]", Path]]:
    port, nobody = free_ports(2)
    log = tmp_path / "out"
    words = ["--port", str(port), "--controller-url", f"http://127.0.0.1:{nobody}"]
    environ = os.environ | {"PYTHONPATH": str(ROOT), "LOGDIR": str(tmp_path)}
    with log.open("wb") as out:
        process = subprocess.Popen([*COMMAND, *words], env=environ, stdout=out, stderr=out)
    url, pause = f"http://127.0.0.1:{port}", threading.Event()
    while not answers(f"{url}/health") and process.poll() is None:
        pause.wait(0.1)
    yield url, process, log
    process.kill()
    process.wait()


def test_it_opens_without_a_controller_warns_and_ends_at_once_with_a_tab_open(
    page: tuple[str, "subprocess.Popen[bytes]", Path],
) -> None:
    url, process, log = page
    with urllib.request.urlopen(f"{url}/ready", timeout=30) as answer:
        assert json.load(answer) == {"models": []}
    with urllib.request.urlopen(f"{url}/gradio_api/heartbeat/tab", timeout=30) as tab:
        assert tab.readline().startswith(b"data: ALIVE")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=25) == 0
    said = log.read_text()
    assert "0.0.0.0 is open to everybody who reaches this machine: set --gradio-auth-path" in said
    assert "Traceback" not in said


def test_a_file_of_users_is_asked_for(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("no pair")
    done = subprocess.run(
        [*COMMAND, "--port", "0", "--gradio-auth-path", str(users)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "LOGDIR": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "write user:password pairs into it" in done.stderr.splitlines()[-1]
