"""From a URL to connections: the drivers, and what each database has to be told."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from fastchat.core.errors import ConfigError

CONNECT_S = 5
# How long one waits for another process that writes.
BUSY_S = 10
READERS = 4

_PRAGMAS = (
    "journal_mode = WAL",  # readers and the writer do not wait for each other
    "synchronous = NORMAL",  # safe when the process dies; the power may take the last seconds
    f"busy_timeout = {BUSY_S * 1000}",
    "foreign_keys = ON",
    "secure_delete = ON",  # what was forgotten is overwritten
)
# A host that is gone is noticed in seconds, not in the quarter of an hour of the kernel.
_POSTGRES = {
    "connect_timeout": CONNECT_S,
    "tcp_user_timeout": BUSY_S * 1000,
    "keepalives_idle": BUSY_S,
    "application_name": "fastchat",
    "options": f"-c lock_timeout={BUSY_S}s",
}
_WRITING = "fastchat_writing"


def engine_of(url: str) -> Engine:
    """Connects to nothing yet. Raises `ConfigError`."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError("--database-url is no URL of a database") from None
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed)
        case "postgresql" | "postgres":
            return _postgres(parsed)
        case other:
            raise ConfigError(f"--database-url: {other} is neither sqlite nor postgresql")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: SQLite is told at its beginning, so that it never has to give up
    in the middle."""
    with engine.connect() as connection:
        connection = connection.execution_options(**{_WRITING: True})
        with connection.begin():
            yield connection


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ConfigError("--database-url sqlite:///FILE needs a file")
    try:
        _private(Path(url.database))
    except OSError as error:
        raise ConfigError(f"--database-url: {url.database}: {error.strerror}") from None
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"), pool_size=READERS + 1, max_overflow=2
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _postgres(url: URL) -> Engine:
    if find_spec("psycopg") is None:
        raise ConfigError("PostgreSQL needs an extra: pip install 'fschat[postgres]'")
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=_POSTGRES | dict(url.query),
        pool_pre_ping=True,
        pool_size=READERS + 1,
        pool_timeout=CONNECT_S,
    )


def _private(path: Path) -> None:
    """What people said to a model is nobody else's to read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # else the driver begins transactions of its own
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    kind = "IMMEDIATE" if connection.get_execution_options().get(_WRITING) else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {kind}")
