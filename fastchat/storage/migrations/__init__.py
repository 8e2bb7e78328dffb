"""From the tables that a database has to those of this version: one line of revisions.

`versions/` holds a file a revision. `tools/add_revision.py` writes the next one from what
differs between the tables in the code and those of the last revision.
"""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from fastchat.storage.connecting import writing

__all__ = ["FOLDER", "newest", "revision", "upgrade"]

FOLDER = Path(__file__).parent
# Two processes that start together take turns: any number, the same for both.
_LOCK = 0x66736368
_RECORD = "alembic_version"


def upgrade(engine: Engine) -> None:
    """Raises `ConfigError` when the database is newer than this program."""
    with engine.connect() as connection:
        if revision(connection) == newest():
            return  # nearly always, and alembic stays unread
    from fastchat.storage.migrations.upgrading import run

    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        run(connection, revision(connection))


def newest() -> str:
    return max(path.name[1:5] for path in (FOLDER / "versions").glob("r*.py"))


def revision(connection: Connection) -> str | None:
    """Of the tables that are there; None before the first."""
    if not inspect(connection).has_table(_RECORD):
        return None
    query = f"SELECT version_num FROM {_RECORD}"  # nosec B608  # a name of ours
    found = connection.execute(text(query)).scalar()
    return None if found is None else str(found)
