"""A child that is an engine, from its first moment on."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from fastchat.engines.served.command import Command
from fastchat.engines.served.process import EngineProcess


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


def _named(folder: Path) -> list[Path]:
    """The processes whose command names it."""
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if _names(path, folder)]


def _names(cmdline: Path, folder: Path) -> bool:
    try:
        return os.fsencode(folder) in cmdline.read_bytes()
    except OSError:  # it has just ended
        return False
