import asyncio
import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from fastchat.cluster.birth import birth
from fastchat.cluster.down import DownConfig, down
from fastchat.cluster.report import Report
from fastchat.cluster.state import PlatformState, StateFolder
from fastchat.core.errors import ConfigError
from tests.cluster.board.platforms import running

STUBBORN = """
import signal
for number in (signal.SIGTERM, signal.SIGQUIT):
    signal.signal(number, lambda *_: None)
print("deaf", flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path)


@pytest.fixture
def stubborn() -> Iterator["subprocess.Popen[bytes]"]:
    """Stands for a supervisor that does not listen."""
    process = subprocess.Popen([sys.executable, "-S", "-c", STUBBORN], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def state_of(process: "subprocess.Popen[bytes]") -> PlatformState:
    born = birth(process.pid) or ""
    return replace(running(), pid=process.pid, birth=born, grace_s=0.0)


async def end(folder: StateFolder, *, now: bool = False) -> str:
    out = io.StringIO()
    report = Report(out, clock=lambda: 0.0)
    await down(DownConfig(now=now), folder, report, margin_s=0.2)
    return out.getvalue()


async def test_one_that_does_not_end_is_named_with_the_remedy(
    folder: StateFolder, stubborn: "subprocess.Popen[bytes]"
) -> None:
    folder.write(state_of(stubborn))
    with pytest.raises(ConfigError, match=f"process {stubborn.pid} still runs .*down --now"):
        await end(folder)
    assert stubborn.poll() is None


async def test_now_means_now(folder: StateFolder, stubborn: "subprocess.Popen[bytes]") -> None:
    folder.write(state_of(stubborn))
    assert (await end(folder, now=True)).endswith("did not listen and was killed.\n")
    assert await asyncio.to_thread(stubborn.wait) == -signal.SIGKILL


async def test_another_process_under_the_same_number_is_not_touched(
    folder: StateFolder, stubborn: "subprocess.Popen[bytes]"
) -> None:
    folder.write(replace(state_of(stubborn), birth="a former life"))
    assert await end(folder, now=True) == "No platform of yours runs.\n"
    assert stubborn.poll() is None


async def test_several_platforms_need_a_choice(
    folder: StateFolder, stubborn: "subprocess.Popen[bytes]"
) -> None:
    folder.write(state_of(stubborn))
    folder.write(running())
    with pytest.raises(ConfigError, match="choose one with --port"):
        await end(folder)
