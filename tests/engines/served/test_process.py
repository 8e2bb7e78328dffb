"""A child that is an engine, from its first moment on."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fastchat.engines.served.command import Command
from fastchat.engines.served.process import EngineProcess
from tests.engines.served.workers import Process, is_ready, wait_until
from tests.running import ROOT
from tests.servers import free_port


@pytest.mark.parametrize("moments", [1, 2, 5])
async def test_a_start_that_is_given_up_leaves_no_process(tmp_path: Path, moments: int) -> None:
    argv = (sys.executable, "-c", "import time; time.sleep(600)", str(tmp_path))
    command = Command(argv=argv, environment=os.environ)
    starting = asyncio.create_task(EngineProcess.start("child", command))
    for _ in range(moments):
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not _named(tmp_path)


def _on_real_weights(folder: Path, weights: Path) -> tuple[str, ...]:
    return "llama_server_worker", "--model-path", str(weights)


def _by_another_interpreter(folder: Path, weights: Path) -> tuple[str, ...]:
    """It stands for one that has vLLM: what `-m` names is the server beside this file."""
    python, child = folder / "python", Path(__file__).with_name("child.py")
    python.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} {child} "$@"\n')
    python.chmod(0o700)
    return "vllm_worker", "--model-path", "m", "--engine-python", str(python)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")
@pytest.mark.parametrize("started", [_on_real_weights, _by_another_interpreter])
def test_an_engine_ends_with_a_worker_that_is_killed(
    tmp_path: Path, smollm2_path: Path, started: Callable[[Path, Path], tuple[str, ...]]
) -> None:
    port, log = free_port(), tmp_path / "log"
    module, *flags = started(tmp_path, smollm2_path)
    argv = [sys.executable, "-m", f"fastchat.serve.{module}", "--no-register"]
    argv += ["--port", str(port), *flags]
    environment = os.environ | {"LOGDIR": ""}
    with (
        log.open("wb") as file,
        subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=file, stderr=file) as popen,
    ):
        worker = Process(f"http://127.0.0.1:{port}", popen, log)
        try:
            wait_until(lambda: popen.poll() is not None or is_ready(worker), 60)
            engine = worker.child
            assert _runs(engine), log.read_text()
        finally:
            popen.kill()
    wait_until(lambda: not _runs(engine))


def _runs(pid: int) -> bool:
    """One that has ended and is nobody's child may still be listed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def _named(folder: Path) -> list[Path]:
    """The processes whose command names it."""
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if _names(path, folder)]


def _names(cmdline: Path, folder: Path) -> bool:
    try:
        return os.fsencode(folder) in cmdline.read_bytes()
    except OSError:  # it has just ended
        return False
