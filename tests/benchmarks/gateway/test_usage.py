import subprocess
import sys

from benchmarks.gateway import usage

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c",
    "sum(range(2_000_000)); print('worked', flush=True); input()"], stdin=0)
child.wait()
"""


def test_a_process_is_counted_with_its_children() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"worked\n"
        (child,) = set(usage.tree(parent.pid)) - {parent.pid}
        assert usage.cpu_s(parent.pid) > usage.cpu_s(child) > 0
        assert usage.peak_mb(parent.pid) > usage.peak_mb(child) > 0
        parent.communicate(b"\n")
