"""The guide's start script, as it stands, with one small model."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ops.tools import DEPLOY
from tests.running import MODEL, ROOT, ask, free_ports

# Four processes and a real model, one after the other.
pytestmark = [pytest.mark.ops, pytest.mark.timeout(300)]


def test_all_services_start_and_stop_as_it_says(tmp_path: Path) -> None:
    controller, api, page, worker = free_ports(4)
    environ = os.environ | {
        "CONTROLLER_PORT": str(controller),
        "API_SERVER_PORT": str(api),
        "WEB_SERVER_PORT": str(page),
        "WORKER_PORTS": str(worker),
        "GPUS": "0",
        "MODEL_PATH": MODEL,
        "PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
    }
    with (tmp_path / "said").open("w+") as said:
        script = DEPLOY / "start_fastchat.sh"
        subprocess.run([script], cwd=tmp_path, env=environ, stdout=said, timeout=280, check=True)
        said.seek(0)
        text = said.read()
    pids = [int(pid) for pid in text.strip().splitlines()[-1].partition("kill ")[2].split()]
    try:
        assert len(pids) == 4
        assert f"API Endpoint: http://localhost:{api}/v1" in text
        models = ask(f"http://localhost:{api}/v1/models")[1]["data"]
        assert [model["id"] for model in models] == [MODEL]
        assert (tmp_path / "controller.log").read_text().count("Register done") == 1
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
