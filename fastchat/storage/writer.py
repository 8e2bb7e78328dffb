"""One thread writes, in batches; whoever has something to write never waits for the database."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import Connection, Executable
from sqlalchemy.exc import SQLAlchemyError

from fastchat.core.errors import ConfigError
from fastchat.storage.faults import DatabaseAway, reason

logger = logging.getLogger(__name__)

CAPACITY = 20_000
BATCH = 500
# What comes within this time is written together.
GATHER_S = 0.05
PAUSES_S = (0.1, 0.5, 2.0, 5.0, 15.0)

Values = Mapping[str, object]


class Item(NamedTuple):
    statement: Executable
    values: Values


class Writer:
    """Writes in the order of `put`. While the database is away (or its disk is full) what comes is
    held, up to `capacity`, and tried again; beyond that the newest is lost, counted and logged. A
    row that the database refuses is lost alone.
    """

    def __init__(
        self,
        begin: Callable[[], AbstractContextManager[Connection]],
        *,
        capacity: int = CAPACITY,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        """`begin` opens a transaction, on tables that are there, and raises `DatabaseAway`."""
        self.written = 0
        self.lost = 0
        self._begin = begin
        self._capacity = capacity
        self._pauses_s = pauses_s
        self._items: deque[Item] = deque()
        self._in_hand: list[Item] = []
        self._changed = threading.Condition()
        self._closing = False
        self._gives_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fastchat-writer", daemon=True)
        self._thread.start()

    @property
    def held(self) -> int:
        """What is not written yet."""
        return len(self._items) + len(self._in_hand)

    def put(self, statement: Executable, values: Values) -> bool:
        """From any thread; never waits. False: there was no room, and it is lost."""
        with self._changed:
            if self._closing or self.held >= self._capacity:
                self._lose(1, "no room" if not self._closing else "closed")
                return False
            self._items.append(Item(statement, values))
            self._changed.notify_all()
            return True

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was put is written. Blocks: for commands and tests."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.held, timeout_s)

    def close(self, timeout_s: float) -> None:
        """Write what is held, for so long at most. Blocks."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        self._gives_up.set()
        if self._thread.is_alive():
            self._thread.join(1.0)
        with self._changed:
            if self.held:
                self._lose(self.held, "the process ended before the database came back")
                self._in_hand = []
                self._items.clear()

    # -- the thread --

    def _run(self) -> None:
        while self._take():
            self._write()
            if self._gives_up.is_set():
                return
            with self._changed:
                self._in_hand = []
                self._changed.notify_all()

    def _take(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closing)
            if not self._closing:
                self._changed.wait_for(lambda: self._closing or len(self._items) >= BATCH, GATHER_S)
            self._in_hand = [self._items.popleft() for _ in range(min(BATCH, len(self._items)))]
            return bool(self._in_hand)

    def _write(self) -> None:
        """Until it is written, or nobody waits for it any more."""
        tries = 0
        while True:
            try:
                self._write_together()
            except (DatabaseAway, ConfigError) as error:
                if tries == 0:
                    logger.error("what is written is held: %s", error)
                pause_s = self._pauses_s[min(tries, len(self._pauses_s) - 1)]
                tries += 1
                if self._gives_up.wait(pause_s):
                    return
            except Exception:  # noqa: BLE001  # a driver raises what it likes about a value
                self._write_apart()
                return
            else:
                if tries:
                    logger.info("the database is back, and %d rows were held", self.held)
                return

    def _write_together(self) -> None:
        with self._begin() as connection:
            for _, run in groupby(self._in_hand, key=lambda item: id(item.statement)):
                items = list(run)
                connection.execute(items[0].statement, [dict(item.values) for item in items])
        self.written += len(self._in_hand)

    def _write_apart(self) -> None:
        """One of them is at fault: the others must not go with it."""
        for item in self._in_hand:
            try:
                with self._begin() as connection:
                    connection.execute(item.statement, dict(item.values))
            except SQLAlchemyError as error:
                self._lose(1, reason(error))
            except (DatabaseAway, ConfigError) as error:
                self._lose(1, str(error))
            except Exception as error:  # noqa: BLE001  # its words may hold values of ours
                self._lose(1, type(error).__name__)
            else:
                self.written += 1

    def _lose(self, count: int, why: str) -> None:
        self.lost += count
        if self.lost == count or self.lost % 1000 < count:  # the first, then one line a thousand
            logger.error("%d rows were not written, %d in all: %s", count, self.lost, why)
