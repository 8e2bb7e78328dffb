import os
import signal
import subprocess
import sys

import pytest

from fastchat.core.parent import tied
from tests.running import ROOT

PARENT = """
import subprocess, sys
from fastchat.core.parent import tied
child = subprocess.Popen(tied([sys.executable, "-c", CHILD]), start_new_session=True)
child.wait()
"""
CHILD = "import signal; print('ready', flush=True); signal.pause()"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")
def test_what_is_tied_ends_with_a_parent_that_is_killed() -> None:
    script = PARENT.replace("CHILD", repr(CHILD))
    argv = [sys.executable, "-c", script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        parent.kill()
        assert parent.stdout.read() == b""  # the end of the last one who could write


def test_what_is_tied_takes_no_start_when_its_parent_is_gone() -> None:
    argv = [word if word != str(os.getpid()) else "1" for word in tied(["false"])]
    if sys.platform == "linux":
        assert subprocess.run(argv).returncode == 0


def test_what_is_tied_can_be_ended_as_if_it_were_not() -> None:
    with subprocess.Popen(tied(["sleep", "60"])) as child:
        child.terminate()
        assert child.wait(10) == -signal.SIGTERM
