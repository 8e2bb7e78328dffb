"""Starting and stopping a platform of one's own."""

import json
import re
import signal
import socket
import threading
from pathlib import Path
from typing import Any

from tests.running import API, MODEL, ask, post, running_platform

STORY: dict[str, Any] = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "Tell me a story."}],
    "max_tokens": 40,
}


def test_ctrl_c_lets_a_running_answer_finish_and_leaves_nothing(tmp_path: Path) -> None:
    results: list[tuple[int, Any]] = []
    with running_platform(tmp_path, "concurrency = 1") as running:
        children = [running.pid_of(m) for m in ("controller", "model_worker", "openai_api_server")]
        asking = threading.Thread(
            target=lambda: results.append(ask(f"{running.api}/v1/chat/completions", STORY))
        )
        asking.start()
        while not ask(f"{running.worker}/worker_get_status", {})[1]["queue_length"]:
            pass
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(timeout=60) == 0
        asking.join()
    assert results[0][0] == 200
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    for port in running.ports.values():
        socket.create_server(("127.0.0.1", port)).close()


def test_an_engine_of_its_own_process_is_served_and_ends_with_the_platform(tmp_path: Path) -> None:
    with running_platform(tmp_path, 'engine = "llama_server"') as running:
        status, answer = ask(f"{running.api}/v1/chat/completions", STORY | {"max_tokens": 8})
        assert (status, answer["usage"]["completion_tokens"]) == (200, 8)
        worker = running.pid_of("llama_server_worker")
        (engine,) = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
        assert b"llama_listener" in Path(f"/proc/{engine}/cmdline").read_bytes()
    assert running.process.returncode == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in (worker, engine))


def test_a_full_platform_says_when_to_come_back(tmp_path: Path) -> None:
    settings = 'concurrency = 1\narguments = ["--limit-worker-queue", "0"]'
    with running_platform(tmp_path, settings) as running:
        url = f"{running.api}/v1/chat/completions"
        asking = threading.Thread(target=lambda: ask(url, STORY | {"max_tokens": 200}))
        asking.start()
        while not ask(f"{running.worker}/worker_get_status", {})[1]["queue_length"]:
            pass
        refused = post(running.ports[API], json.dumps(STORY).encode())
        asking.join()
    head, _, body = refused.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert re.search(rb"retry-after: [1-9]", head)
    assert json.loads(body)["error"]["code"] == 42903


def test_api_keys_guard_a_platform(tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("sk-one sk-two\n")
    with running_platform(tmp_path, api=f'api_keys_file = "{keys}"') as running:
        url = f"{running.api}/v1/chat/completions"
        assert ask(url, STORY)[0] == 401
        wrong = "authorization: Bearer sk-three\r\n"
        refused = post(running.ports[API], json.dumps(STORY).encode(), headers=wrong)
        assert refused.startswith(b"HTTP/1.1 401 ")
        assert b'"type":"authentication_error"' in refused
        known = {"authorization": "Bearer sk-two"}
        assert ask(url, STORY | {"max_tokens": 1}, headers=known)[0] == 200
        command = Path(f"/proc/{running.pid_of('openai_api_server')}/cmdline").read_text()
        assert "sk-one" not in command
        assert all("sk-one" not in log.read_text() for log in running.logdir.iterdir())
