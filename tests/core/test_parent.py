import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fastchat.core.parent import tied
from tests.running import ROOT

PARENT = """
import subprocess, sys
from fastchat.core.parent import tied
child = subprocess.Popen(tied([sys.executable, "-c", CHILD]), start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""
CHILD = "import signal; print('ready', flush=True); signal.pause()"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")
def test_what_is_tied_ends_with_a_parent_that_is_killed() -> None:
    script = PARENT.replace("CHILD", repr(CHILD))
    argv = [sys.executable, "-c", script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert parent.stdout.readline() == b"ready\n"
        parent.kill()
        assert parent.stdout.read() == b""  # the end of the last one who could write
    assert not Path(f"/proc/{pid}/status").exists() or "Z" in _state(pid)


def test_what_is_tied_takes_no_start_when_its_parent_is_gone() -> None:
    argv = [word if word != str(os.getpid()) else "1" for word in tied(["false"])]
    if sys.platform == "linux":
        assert subprocess.run(argv).returncode == 0


def test_what_is_tied_can_be_ended_as_if_it_were_not() -> None:
    with subprocess.Popen(tied(["sleep", "60"])) as child:
        child.terminate()
        assert child.wait(10) == -signal.SIGTERM


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
