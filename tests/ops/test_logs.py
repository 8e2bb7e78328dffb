"""Every line that the platform writes is JSON, and gets where logs are searched."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.ops.stage import Stage, wait_for
from tests.ops.tools import DEPLOY, tool

pytestmark = pytest.mark.ops

NAMES = (
    *("controller.log", "model_worker_*.log", "openai_api_server.log"),
    "gradio_web_server_multi.log",
)


def lines(stage: Stage, name: str) -> list[dict[str, Any]]:
    (path, *_) = sorted(stage.logs.glob(name))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_every_line_parses(stage: Stage, name: str) -> None:
    found = lines(stage, name)
    wanted = {"timestamp", "@timestamp", "level", "logger", "message"}
    assert found
    assert all(wanted <= line.keys() for line in found)


def test_a_workers_lines_say_whose_they_are(stage: Stage) -> None:
    last = lines(stage, "model_worker_*.log")[-1]
    assert last["worker_id"] in {path.stem[-8:] for path in stage.logs.glob("model_worker_*.log")}
    assert last["queue_length"] == 0


def test_a_requests_line_has_its_figures_in_fields(stage: Stage) -> None:
    said = [line for line in lines(stage, "openai_api_server.log") if "request_id" in line]
    assert {line["model"] for line in said} >= {"m", "n"}
    assert said[0]["completion_tokens"] == 24
    assert said[0]["total_ms"] >= said[0]["first_byte_ms"] > 0


def test_rsyslog_takes_all_lines_and_puts_aside_what_is_none(stage: Stage, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    text = next(stage.logs.glob("openai_api_server.log")).read_text(encoding="utf-8")
    hard = json.dumps({"message": "世界\nline two", "exception": 'Traceback "x"\n  File'})
    (logs / "api.log").write_text(f"{text}{hard}\nthis is no JSON\n", encoding="utf-8")
    with _elasticsearch() as (port, documents), _rsyslog(tmp_path, logs, port):
        wait_for(lambda: len(documents) > text.count("\n"))
        wait_for(lambda: (logs / "unparsed").exists())
    assert len(documents) == text.count("\n") + 1
    (found,) = [one for one in documents if one["message"] == "世界\nline two"]
    assert found["exception"] == 'Traceback "x"\n  File'
    assert found["metadata"]["filename"].endswith("api.log")
    assert "this is no JSON" in (logs / "unparsed").read_text()


@contextmanager
def _rsyslog(folder: Path, logs: Path, port: int) -> Iterator[None]:
    text = (DEPLOY / "rsyslog" / "fastchat.conf").read_text()
    text = text.replace("/var/log/fastchat", str(logs)).replace('"9200"', f'"{port}"')
    head = f'global(workDirectory="{folder}")\n'
    (folder / "rsyslog.conf").write_text(head + text.replace('"localhost"', '"127.0.0.1"'))
    command = [tool("rsyslogd"), "-n", "-f", str(folder / "rsyslog.conf")]
    pid = folder / "rsyslog.pid"
    checked = subprocess.run([*command, "-N1"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen([*command, "-i", str(pid)], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def _elasticsearch() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """What its bulk endpoint is given."""
    documents: list[dict[str, Any]] = []

    class Bulk(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({"status": "green"})

        do_HEAD = do_GET

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            given = [json.loads(line) for line in body.splitlines() if line.strip()]
            taken = [one for one in given if "index" not in one]
            documents.extend(taken)
            items = [{"index": {"status": 201}} for _ in taken]
            self._answer({"errors": False, "items": items})

        def _answer(self, message: object) -> None:
            body = json.dumps(message).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Nothing to the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bulk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, documents
    finally:
        server.shutdown()
        server.server_close()
