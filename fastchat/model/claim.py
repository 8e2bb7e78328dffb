"""A folder to work in that vanishes with the work, even when the process was killed: the next one
removes what nobody holds any more."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

_PREFIX = ".fetching-"


@contextmanager
def claimed_folder(parent: Path) -> Iterator[Path]:
    """A new folder in `parent`, locked while it is used."""
    folder, lock = _claimed(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_leftovers(parent: Path) -> None:
    """Folders of processes that are gone. The kernel gave up their locks."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            lock = _locked(folder)
        except OSError:  # somebody works in it, or has just removed it
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _claimed(parent: Path) -> tuple[Path, int]:
    while True:
        folder = Path(mkdtemp(dir=parent, prefix=_PREFIX))
        try:
            lock = _locked(folder)
        except (BlockingIOError, FileNotFoundError):
            continue  # another process took it for a leftover before it was locked
        if folder.exists():
            return folder, lock
        os.close(lock)


def _locked(folder: Path) -> int:
    """The descriptor that holds the lock. Raises OSError when somebody else has it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
