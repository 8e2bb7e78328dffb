"""The start script: several models behind one API, without a supervisor."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import ROOT, answers, ask, free_ports


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    controller, api, *workers = free_ports(4)
    environ = os.environ | {
        "CONTROLLER_PORT": str(controller),
        "API_PORT": str(api),
        "WORKER_PORTS": " ".join(map(str, workers)),
        "PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
    }
    script = subprocess.Popen(
        [ROOT / "examples" / "start_all.sh"],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert script.stdout is not None
    seen = ""
    for line in script.stdout:
        seen += line
        if line.startswith("All services started"):
            break
    else:
        pytest.fail(seen)
    yield f"http://127.0.0.1:{api}"
    script.send_signal(signal.SIGTERM)
    script.stdout.close()
    script.wait(timeout=60)
    assert not answers(f"http://127.0.0.1:{api}/health")


def test_two_models_stand_side_by_side(api: str) -> None:
    models = ask(f"{api}/v1/models")[1]["data"]
    assert [model["id"] for model in models] == ["other-model", "small-model"]
    for model in models:
        chat = {
            "model": model["id"],
            "messages": [{"role": "user", "content": "Hi"}],
            "max_tokens": 2,
        }
        assert ask(f"{api}/v1/chat/completions", chat)[1]["model"] == model["id"]
