"""One revision after the other, by alembic."""

from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import Connection

from fastchat.core.errors import ConfigError
from fastchat.storage.migrations import FOLDER


def scripts() -> ScriptDirectory:
    return ScriptDirectory(FOLDER)


def run(connection: Connection, current: str | None, to: str = "head") -> None:
    """Raises `ConfigError` for tables of a version that is not known here."""
    script = scripts()
    try:
        script.get_revision(current or "base")
    except (CommandError, ResolutionError):
        raise ConfigError(
            f"the database has the tables of a newer version (revision {current}): "
            "start that version, or name another --database-url"
        ) from None

    def steps(current: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs(to, current)  # what alembic's own `upgrade` calls

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection)
        with environment.begin_transaction():
            environment.run_migrations()
