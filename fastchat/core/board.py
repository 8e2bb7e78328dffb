"""Numbers that the processes of one server have in common.

They stand in memory that is shared from before the fork. Nothing is waited for that a dead process
could still hold: its locks go with it, and what it counted is struck out by whoever saw it end.
"""

import fcntl
import logging
import mmap
import os
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from hashlib import blake2b
from typing import Protocol

logger = logging.getLogger(__name__)

# How many names can be in use at a time: memory that no name uses is never touched.
PLACES = 65_536
NUMBERS = 5
WORD = 8
NAME_BYTES = 16
FREE = bytes(NAME_BYTES)
# Whoever holds a lock gives it back within microseconds, unless it was stopped just then. So long
# do the others wait before they go on without it.
PATIENCE_S = 0.02
# Without the lock on the names nobody goes on: then a process counts for itself.
NAMES_PATIENCE_S = 0.5


class Numbers(Protocol):
    def __getitem__(self, which: int, /) -> float: ...

    def __setitem__(self, which: int, number: float, /) -> None: ...

    def __iter__(self) -> Iterator[float]: ...


class Place:
    """What stands under one name: a few `numbers`, zero at first, which every process may change
    while it has the `lock`, and how many of something each process has. This one is nobody else's.
    """

    __slots__ = ("is_shared", "lock", "numbers")

    def __init__(self) -> None:
        self.is_shared = False
        self.numbers: Numbers = [0.0] * NUMBERS
        self.lock: AbstractContextManager[None] = nullcontext()

    def tell(self, count: int) -> None:
        """How many this process has."""

    def others(self) -> int:
        """How many all other processes have."""
        return 0

    def leave(self) -> None:
        """Go on alone, with the numbers as they are."""


FindPlace = Callable[[str], Place]


def lone(name: str) -> Place:
    """There are no other processes."""
    return Place()


class Lock:
    """Of one byte of a file, against other processes; a process is one thread here. As a context it
    is had, or `patience_s` are over."""

    __slots__ = ("_byte", "_file", "_patience_s")

    def __init__(self, file: int, byte: int, patience_s: float) -> None:
        self._file = file
        self._byte = byte
        self._patience_s = patience_s

    def take(self) -> bool:
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self._byte)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                os.sched_yield()
            else:
                return True

    def give_back(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._byte)

    def __enter__(self) -> None:
        self.take()

    def __exit__(self, *reason: object) -> None:
        self.give_back()


class Board:
    """Made before the fork; processes are numbered from 1."""

    def __init__(
        self, processes: int, places: int = PLACES, *, patience_s: float = PATIENCE_S
    ) -> None:
        self.processes = processes
        self.places = places
        self.patience_s = patience_s
        sizes = (WORD, places * NAME_BYTES, places * NUMBERS * WORD, places * processes * WORD)
        starts = [sum(sizes[:part]) for part in range(len(sizes))]
        self._memory = mmap.mmap(-1, sum(sizes) + sizes[-1])
        whole = memoryview(self._memory)
        self._used = whole[:WORD].cast("q")
        self._names_at = starts[1]
        self.numbers = whole[starts[2] : starts[3]].cast("d")
        self.counts = whole[starts[3] : starts[3] + sizes[3]].cast("q")
        self._held = whole[starts[3] + sizes[3] :].cast("q")
        self.locks = _nameless_file()
        weakref.finalize(self, os.close, self.locks)
        self._names = Lock(self.locks, places, NAMES_PATIENCE_S)
        self._is_full = False

    def place(self, name: str, process: int) -> Place:
        """The same for all who ask for this name, as long as one of them has not left it."""
        digest = blake2b(name.encode(), digest_size=NAME_BYTES).digest()
        if not self._names.take():
            logger.error("a process that hangs holds the names: this one counts for itself")
            return Place()
        try:
            index = self._find(digest)
            if index is None:
                index = self._find(FREE)
                if index is None and self._used[0] < self.places:
                    index = self._used[0]
                if index is None:
                    return self._no_place()
                self._take(index, digest)
            self._held[index * self.processes + process - 1] = 1
        finally:
            self._names.give_back()
        return SharedPlace(self, index, process)

    def leave(self, index: int, process: int) -> None:
        first = index * self.processes
        self.counts[first + process - 1] = self._held[first + process - 1] = 0
        if self._names.take():  # else the name stays, and is found again
            try:
                if not any(self._held[first : first + self.processes]):
                    self._name(index, FREE)
            finally:
                self._names.give_back()

    def strike_out(self, process: int) -> None:
        """It has ended, whatever it was doing."""
        for index in range(self._used[0]):
            if self._held[index * self.processes + process - 1]:
                self.leave(index, process)

    def _find(self, digest: bytes) -> int | None:
        start, end = self._names_at, self._names_at + self._used[0] * NAME_BYTES
        while (found := self._memory.find(digest, start, end)) >= 0:
            beside = (found - self._names_at) % NAME_BYTES
            if not beside:
                return (found - self._names_at) // NAME_BYTES
            start = found - beside + NAME_BYTES
        return None

    def _take(self, index: int, digest: bytes) -> None:
        for number in range(index * NUMBERS, (index + 1) * NUMBERS):
            self.numbers[number] = 0.0
        self._name(index, digest)
        self._used[0] = max(self._used[0], index + 1)

    def _name(self, index: int, digest: bytes) -> None:
        at = self._names_at + index * NAME_BYTES
        self._memory[at : at + NAME_BYTES] = digest

    def _no_place(self) -> Place:
        if not self._is_full:
            self._is_full = True
            logger.error(
                "more than %d workers and keys: of the others, each process counts for itself",
                self.places,
            )
        return Place()


class SharedPlace(Place):
    """`tell` and `others` need no lock: each process writes its own count alone."""

    __slots__ = ("_board", "_first", "_index", "_mine", "_process")

    def __init__(self, board: Board, index: int, process: int) -> None:
        self.is_shared = True
        self.numbers = board.numbers[index * NUMBERS : (index + 1) * NUMBERS]
        self.lock = Lock(board.locks, index, board.patience_s)
        self._board = board
        self._index = index
        self._process = process
        self._first = index * board.processes
        self._mine = self._first + process - 1

    def tell(self, count: int) -> None:
        if self.is_shared:
            self._board.counts[self._mine] = count

    def others(self) -> int:
        if not self.is_shared:
            return 0
        counts, first = self._board.counts, self._first
        return sum(counts[first : first + self._board.processes]) - counts[self._mine]

    def leave(self) -> None:
        if self.is_shared:
            self.is_shared = False
            self.numbers = list(self.numbers)
            self.lock = nullcontext()
            self._board.leave(self._index, self._process)


def _nameless_file() -> int:
    """Its descriptor. Locks of the same file, inherited, are each process's own."""
    descriptor, path = tempfile.mkstemp(prefix="fastchat-")
    os.unlink(path)
    return descriptor
