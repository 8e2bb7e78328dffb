"""The memory of the interpreter on huge pages.

A request of ours touches some hundred pages of objects. Whoever comes when the processor has
forgotten where they lie waits for each of them to be looked up; huge pages are a handful.
"""

import ctypes
import mmap
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

MADV_COLLAPSE = 25  # since Linux 6.1
# What is not in use is left alone, above all the stacks of threads: memory would grow.
USED = 0.75
# More are a model's weights, which are no affair of ours.
MOST_BYTES = 256 * 1024 * 1024

_KERNEL = Path("/sys/kernel/mm/transparent_hugepage")
_MAPS = Path("/proc/self/maps")


def gather() -> int:
    """How many huge pages there were to be had, of what this process has allocated until now. None
    where the kernel cannot, or where its owner wants none. It takes some milliseconds for each."""
    try:
        if "[never]" in (_KERNEL / "enabled").read_text():
            return 0
        size = int((_KERNEL / "hpage_pmd_size").read_text())
        places = _places(_MAPS.read_bytes(), size)
    except OSError:  # no Linux, or an old one
        return 0
    libc, length = ctypes.CDLL(None), ctypes.c_size_t(size)
    resident = (ctypes.c_ubyte * (size // mmap.PAGESIZE))()

    def is_used(place: int) -> bool:
        known = libc.mincore(ctypes.c_void_p(place), length, resident) == 0
        return known and sum(page & 1 for page in resident) >= USED * len(resident)

    used = list(islice(filter(is_used, places), MOST_BYTES // size + 1))
    if len(used) * size > MOST_BYTES:
        return 0
    return sum(libc.madvise(ctypes.c_void_p(place), length, MADV_COLLAPSE) == 0 for place in used)


def _places(maps: bytes, size: int) -> Iterator[int]:
    """Addresses of the huge pages that lie wholly in memory for data, and in no file."""
    for line in filter(None, maps.split(b"\n")):  # whatever else stands in the name of a file
        span, access, _, _, _, *name = line.split(maxsplit=5)
        if access == b"rw-p" and name in ([], [b"[heap]"]):
            start, end = (int(at, 16) for at in span.split(b"-"))
            yield from range(-(-start // size) * size, end - size + 1, size)
