import ctypes
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fastchat.core import huge_pages
from tests.running import ROOT

MEGABYTE = 1024 * 1024
# Far more small objects than fit into a huge page, and what became of them.
SCRIPT = """
import ctypes
import json
from fastchat.core.huge_pages import gather
kept = [str(number) * 8 for number in range(400_000)]
read = lambda: open("/proc/self/smaps_rollup").read()
before = read()
gathered = gather()
whole = kept == [str(number) * 8 for number in range(400_000)]
print(json.dumps([gathered, whole, before, read()]))
"""
MAPS = b"""\
00400000-00c00000 rw-p 00000000 00:00 0                      [heap]
10000000-10100000 rw-p 00000000 00:00 0
20100000-20600000 rw-p 00000000 00:00 0
30000000-30400000 r-xp 00000000 08:01 123                    /usr/lib/libx.so
40000000-40400000 rw-p 00000000 08:01 123                    /usr/lib/libx.so
50000000-50400000 rw-p 00000000 00:00 0                      [stack]
60000000-60400000 ---p 00000000 00:00 0
70000000-70400000 r--p 00000000 08:01 124                    /usr/lib/lib\xe2\x80\xa8m\xfcller.so
"""


def test_only_whole_pages_of_anonymous_memory_are_looked_at() -> None:
    heap = [0x400000, 0x600000, 0x800000, 0xA00000]
    assert list(huge_pages._places(MAPS, 2 * MEGABYTE)) == [*heap, 0x20200000, 0x20400000]


def test_objects_lie_on_huge_pages_and_are_the_same() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    gathered, whole, before, after = json.loads(ran.stdout)
    assert whole
    if not gathered:
        pytest.skip("not run: this kernel gives no huge pages on demand (Linux 6.1 does)")
    assert _kilobytes(after, "AnonHugePages") >= _kilobytes(before, "AnonHugePages") + 2048
    assert _kilobytes(after, "Rss") < _kilobytes(before, "Rss") + 8 * 1024


def test_whoever_owns_the_machine_can_want_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "enabled").write_text("always madvise [never]\n")
    (tmp_path / "hpage_pmd_size").write_text("2097152\n")
    monkeypatch.setattr(huge_pages, "_KERNEL", tmp_path)
    monkeypatch.setattr(ctypes, "CDLL", None)  # is not asked
    assert huge_pages.gather() == 0


STACKS = """
import threading
from fastchat.core import huge_pages
huge_pages.MOST_BYTES = 64 * 1024 * 1024
kept, over = [str(number) * 8 for number in range(200_000)], threading.Event()
threads = [threading.Thread(target=over.wait) for _ in range(40)]
for thread in threads:
    thread.start()
before = huge_pages.gather()
more = [str(number) * 8 for number in range(1_500_000)]
print(before > 0, huge_pages.gather())
over.set()
"""


def test_stacks_that_are_reserved_do_not_count_and_a_models_weights_are_left_alone() -> None:
    argv = [sys.executable, "-c", STACKS]
    ran = subprocess.run(argv, cwd=ROOT, capture_output=True, check=True, timeout=60)
    told = ran.stdout.split()
    if told[0] == b"False":
        pytest.skip("not run: this kernel gives no huge pages on demand (Linux 6.1 does)")
    assert told == [b"True", b"0"]


def test_a_kernel_without_them_is_none_to_complain_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huge_pages, "_KERNEL", tmp_path)
    assert huge_pages.gather() == 0


def _kilobytes(rollup: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found is not None
    return int(found[1])
