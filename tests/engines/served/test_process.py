"""A child that is an engine, from its first moment on."""

import asyncio
import os
import subprocess
import sys
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


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")
def test_an_engine_ends_with_a_worker_that_is_killed(tmp_path: Path, smollm2_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    argv = [sys.executable, "-m", "fastchat.serve.llama_server_worker", "--no-register"]
    argv += ["--port", str(port), "--model-path", str(smollm2_path)]
    environment = os.environ | {"LOGDIR": ""}
    with (
        log.open("wb") as file,
        subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=file, stderr=file) as popen,
    ):
        worker = Process(f"http://127.0.0.1:{port}", popen, log)
        try:
            wait_until(lambda: popen.poll() is not None or is_ready(worker), 60)
            engine = worker.child
            assert _runs(engine)
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
