"""`--workers N`: real processes on one port."""

import asyncio
import json
import os
import signal
import subprocess
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest

from fastchat.core.api_keys import digest_of
from fastchat.storage import Database, keys
from fastchat.storage.keys import StoredKey
from tests.exposition import Told
from tests.providers.fakes import Fake
from tests.providers.recorded import OPENAI_TEXT as SAID
from tests.running import ask, free_ports
from tests.serve.test_signals import start

SERVER = "fastchat.serve.openai_api_server"


def children(pid: int) -> set[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text().split()}


def until_they_run(server: subprocess.Popen[str], count: int = 2) -> None:
    """As many more as that."""
    assert server.stderr is not None
    for line in server.stderr:
        count -= "Uvicorn running" in line
        if not count:
            return


def test_processes_share_a_port_are_replaced_and_end_together(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    server = start(tmp_path, SERVER, "--port", str(port), "--workers", "2")
    until_they_run(server)
    first = children(server.pid)
    assert len(first) == 2
    assert ask(f"http://127.0.0.1:{port}/health") == (200, {"status": "ok"})
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as metrics:
        told = Told(metrics.read().decode())
    assert told.labels("gateway_table_age_seconds", "process") == {"1", "2"}
    os.kill(min(first), signal.SIGKILL)
    until_they_run(server, 1)
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
    until_they_run(server)
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


async def test_processes_keep_the_budget_of_a_key_together(tmp_path: Path) -> None:
    """The second one is asked for the first time when the first has spent it all."""
    (port,) = free_ports(1)
    url = f"sqlite:///{tmp_path / 'fastchat.db'}"
    with closing(Database.open(url)) as database:
        digest = digest_of(b"sk-a").hex()
        key = StoredKey(id="k", name="ada", digest=digest, created_at=1, token_budget=10)
        database.write(partial(keys.add, key=key))

    def status() -> int:
        body = {"model": "ours", "messages": [{"role": "user", "content": "hello"}]}
        where = f"http://127.0.0.1:{port}/v1/chat/completions"
        return ask(where, body, headers={"authorization": "Bearer sk-a"})[0]

    async with Fake(SAID).served() as base:
        argv = _with_a_provider(tmp_path, base, url)
        server = start(tmp_path, SERVER, "--port", str(port), "--workers", "2", *argv)
        until_they_run(server)
        first, second = children(server.pid)
        os.kill(second, signal.SIGSTOP)
        statuses = [await asyncio.to_thread(status)]
        while await asyncio.to_thread(status) != 429:  # it counts when an answer has ended
            pass
        os.kill(first, signal.SIGSTOP)
        os.kill(second, signal.SIGCONT)
        statuses.append(await asyncio.to_thread(status))
        os.kill(first, signal.SIGCONT)
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)
    assert statuses == [200, 429]


def _with_a_provider(folder: Path, base: str, url: str) -> list[str]:
    ours = {"model_name": "theirs", "api_type": "openai", "api_key": "k", "api_base": base}
    file = folder / "api_endpoints.json"
    file.write_text(json.dumps({"ours": ours}))
    file.chmod(0o600)
    file_and_url = ("--register-api-endpoint-file", str(file), "--database-url", url)
    return ["--controller", "http://127.0.0.1:9", *file_and_url]


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
