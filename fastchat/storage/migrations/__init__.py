"""From the tables that a database has to those of this version: one line of revisions.

`versions/` holds a file a revision. `tools/add_revision.py` writes the next one from what
differs between the tables in the code and those of the last revision.
"""

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

from fastchat.core.errors import ConfigError
from fastchat.storage.connecting import writing

__all__ = ["FOLDER", "revision", "scripts", "upgrade"]

FOLDER = Path(__file__).parent
# Two processes that start together take turns: any number, the same for both.
_LOCK = 0x66736368


def upgrade(engine: Engine) -> None:
    """Raises `ConfigError` when the database is newer than this program."""
    script = scripts()
    newest = script.get_current_head()
    with engine.connect() as connection:
        if revision(connection) == newest:
            return
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        _check(script, revision(connection))
        _run(script, connection)


def scripts() -> ScriptDirectory:
    return ScriptDirectory(FOLDER)


def revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _check(script: ScriptDirectory, current: str | None) -> None:
    try:
        script.get_revision(current or "base")
    except (CommandError, ResolutionError):
        raise ConfigError(
            f"the database has the tables of a newer version (revision {current}): "
            "start that version, or name another --database-url"
        ) from None


def _run(script: ScriptDirectory, connection: Connection) -> None:
    def steps(current: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs("head", current)  # what alembic's own `upgrade` calls

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection)
        with environment.begin_transaction():
            environment.run_migrations()
