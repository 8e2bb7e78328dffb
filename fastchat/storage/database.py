"""A database as the rest of the program sees it."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Connection, Engine, Executable
from sqlalchemy.exc import SQLAlchemyError

from fastchat.core.errors import ConfigError
from fastchat.storage.connecting import READERS, engine_of, writing
from fastchat.storage.faults import DatabaseAway, faults, reason
from fastchat.storage.migrations import upgrade
from fastchat.storage.writer import Values, Writer

logger = logging.getLogger(__name__)

T = TypeVar("T")

CLOSE_S = 5.0


@dataclass(slots=True)
class _Tables:
    """They are brought up to date once, as soon as the database answers."""

    engine: Engine
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ready: bool = False

    def make_ready(self) -> None:
        """Raises `DatabaseAway` or `ConfigError`."""
        with self._lock:
            if not self._ready:
                with faults():
                    upgrade(self.engine)
                self._ready = True


class Database:
    """`put` for what is written beside requests, `read` and `write` for what is waited for."""

    def __init__(self, engine: Engine, tables: _Tables) -> None:
        self._engine = engine
        self._tables = tables
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="fastchat-reader")
        self.writer = Writer(self._writing)

    @classmethod
    def open(cls, url: str) -> "Database":
        """A database that is away is waited for, beside. Raises `ConfigError` for one that can
        never be used: a wrong URL, a missing driver, tables of a newer version."""
        engine = engine_of(url)
        tables = _Tables(engine)
        try:
            tables.make_ready()
        except DatabaseAway as error:
            logger.error("%s What is written is held until it does.", error.message)
        except ConfigError:
            engine.dispose()
            raise
        except SQLAlchemyError as error:
            engine.dispose()
            raise ConfigError(f"--database-url: {reason(error)}") from None
        return cls(engine, tables)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    def put(self, statement: Executable, values: Values) -> bool:
        """Written soon, in order, by one thread. False: lost, because too much is held."""
        return self.writer.put(statement, values)

    def write(self, action: Callable[[Connection], T]) -> T:
        """One transaction, now. Blocks: for commands. Raises `DatabaseAway`."""
        with self._writing() as connection:
            return action(connection)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """In a thread of a small pool. Raises `DatabaseAway`."""
        return await asyncio.wrap_future(self._readers.submit(self.read_now, query))

    def read_now(self, query: Callable[[Connection], T]) -> T:
        """As `read`, for those who may block."""
        self._tables.make_ready()
        with faults(), self._engine.begin() as connection:
            return query(connection)

    async def aclose(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """What is held is written first."""
        self.writer.close(timeout_s)
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        self._tables.make_ready()
        with faults(), writing(self._engine) as connection:
            yield connection
