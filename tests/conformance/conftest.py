"""A real platform for the clients of others: controller, one worker, the API server."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from tests.running import ROOT, answers, ask, free_ports, is_sure_of_its_models

# A GGUF file to ask in place of the scripted engine.
MODEL_PATH = os.environ.get("CONFORMANCE_MODEL", "")
MODEL = "m"
START_S = 120.0


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its URL, when it knows the model."""
    folder = tmp_path_factory.mktemp("platform")
    controller, worker, server = (str(port) for port in free_ports(3))
    url = f"http://127.0.0.1:{controller}"
    worker_flags = ["--port", worker, "--model-names", MODEL, "--controller-address", url]
    engine = ["fake_worker"]
    if MODEL_PATH:
        engine = ["model_worker", "--model-path", MODEL_PATH, "--threads", "1"]
    with (
        _process(folder, ["controller", "--port", controller]),
        _process(folder, [*engine, *worker_flags]),
        _process(
            folder, ["openai_api_server", "--port", server, "--controller-address", url]
        ) as running,
    ):
        address = f"http://127.0.0.1:{server}"
        _wait(address, running, folder)
        yield address


@contextmanager
def _process(folder: Path, command: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    name, *flags = command
    with (folder / f"{name}.log").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", f"fastchat.serve.{name}", *flags],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=out,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait(address: str, server: "subprocess.Popen[bytes]", folder: Path) -> None:
    pause = Event()
    for _ in range(int(START_S / 0.2)):
        if answers(f"{address}/ready") and _is_complete(address):
            return
        if server.poll() is not None:
            break
        pause.wait(0.2)
    logs = "\n".join(path.read_text() for path in sorted(folder.glob("*.log")))
    pytest.fail(f"the platform did not start:\n{logs[-4000:]}")


def _is_complete(address: str) -> bool:
    return MODEL in ask(f"{address}/ready")[1]["models"] and is_sure_of_its_models(address)
