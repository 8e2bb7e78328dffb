import os
import subprocess
import sys

from fastchat.cluster.birth import birth


def test_a_living_process_has_one_birth() -> None:
    assert birth(os.getpid()) == birth(os.getpid()) is not None


def test_an_older_process_has_another_one() -> None:
    assert birth(os.getpid()) != birth(1)


def test_what_has_ended_has_none_even_before_its_parent_looks() -> None:
    ended = subprocess.Popen([sys.executable, "-S", "-c", "print()"], stdout=subprocess.PIPE)
    assert ended.stdout is not None
    ended.stdout.read()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert birth(ended.pid) is None
    ended.communicate()
    assert birth(ended.pid) is None
