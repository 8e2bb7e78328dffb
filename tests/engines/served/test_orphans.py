"""A worker is killed and can tell nobody: its engine must not stay behind with the memory."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from fastchat.core.config import environment
from tests.engines.served.workers import Process, is_ready, wait_until
from tests.running import ROOT
from tests.servers import free_port

# Stands for an interpreter that has vLLM: what `-m` names is the server beside this file.
INTERPRETER = f"""#!/bin/sh
shift 2
exec {sys.executable} {Path(__file__).with_name("child.py")} "$@"
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")
def test_an_engine_ends_with_a_worker_that_is_killed(tmp_path: Path) -> None:
    python, port = tmp_path / "python", free_port()
    python.write_text(INTERPRETER)
    python.chmod(0o700)
    argv = [sys.executable, "-m", "fastchat.serve.vllm_worker", "--no-register"]
    argv += ["--port", str(port), "--model-path", "m", "--engine-python", str(python)]
    log = tmp_path / "log"
    with (
        log.open("wb") as said,
        subprocess.Popen(
            argv, cwd=ROOT, env=environment() | {"LOGDIR": ""}, stdout=said, stderr=said
        ) as popen,
    ):
        worker = Process(f"http://127.0.0.1:{port}", popen, log)
        try:
            wait_until(lambda: is_ready(worker) or popen.poll() is not None, 60)
            engine = _address(worker)
            assert _answers(engine), log.read_text()
        finally:
            popen.kill()
    wait_until(lambda: not _answers(engine))


def _address(worker: Process) -> str:
    words = Path(f"/proc/{worker.child}/cmdline").read_text().split("\0")
    return f"http://127.0.0.1:{words[words.index('--port') + 1]}"


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False, timeout=10).status_code == 200
    except httpx.TransportError:
        return False
