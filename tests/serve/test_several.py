"""`--workers N`: real processes on one port."""

import os
import signal
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.exposition import Told
from tests.running import ask, free_ports
from tests.serve.test_signals import start

SERVER = "fastchat.serve.openai_api_server"


def children(pid: int) -> set[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text().split()}


def test_processes_share_a_port_are_replaced_and_end_together(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    server = start(tmp_path, SERVER, "--port", str(port), "--workers", "2")
    assert server.stderr is not None
    running = 0
    for line in server.stderr:
        running += "Uvicorn running" in line
        if running == 2:
            break
    first = children(server.pid)
    assert len(first) == 2
    assert ask(f"http://127.0.0.1:{port}/health") == (200, {"status": "ok"})
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as metrics:
        told = Told(metrics.read().decode())
    assert told.labels("gateway_table_age_seconds", "process") == {"1", "2"}
    os.kill(min(first), signal.SIGKILL)
    for line in server.stderr:
        if "Uvicorn running" in line:
            break
    assert len(children(server.pid) - first) == 1
    assert ask(f"http://127.0.0.1:{port}/health")[0] == 200
    server.send_signal(signal.SIGTERM)
    _, said = server.communicate(timeout=30)
    assert (server.returncode, "Traceback" in said) == (0, False)
    assert len(list(tmp_path.glob("openai_api_server_[12].log"))) == 2


def test_processes_keep_the_rate_of_a_key_together(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    limits = ("--api-keys", "k", "--rate-limit", "0.001", "--rate-burst", "3")
    server = start(tmp_path, SERVER, "--port", str(port), "--workers", "2", *limits)
    assert server.stderr is not None
    running = 0
    for line in server.stderr:
        running += "Uvicorn running" in line
        if running == 2:
            break
    statuses = []
    for stopped in children(server.pid):
        os.kill(stopped, signal.SIGSTOP)  # so that it is the other's turn
        for _ in range(3):
            statuses.append(
                ask(
                    f"http://127.0.0.1:{port}/v1/chat/completions",
                    {"model": "m", "messages": []},
                    headers={"authorization": "Bearer k"},
                )[0]
            )
        os.kill(stopped, signal.SIGCONT)
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=30)
    assert statuses[:4].count(429) == 0, "as many as the burst, and one"
    assert statuses[4:] == [429, 429]


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_nobody_is_left_when_the_first_process_ends(tmp_path: Path, ending: signal.Signals) -> None:
    (port,) = free_ports(1)
    server = start(tmp_path, SERVER, "--port", str(port), "--workers", "2")
    assert server.stderr is not None
    for line in server.stderr:
        if "Uvicorn running" in line:
            break
    server.send_signal(ending)
    server.communicate(timeout=30)  # to the end of what all of them say


def test_processes_that_cannot_start_are_not_started_again(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    server = start(
        tmp_path, SERVER, "--port", str(port), "--workers", "2", "--api-keys-file", "nowhere"
    )
    _, said = server.communicate(timeout=60)
    assert server.returncode == 2
    assert "nowhere" in said
    assert "started again" not in said
