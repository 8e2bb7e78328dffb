"""Write the next revision of the database from what the tables in the code have and the last
revision has not: `python tools/add_revision.py "votes have a language"`.

Read what it wrote before you commit it: a renamed column looks like one removed and one added, and
what is in the old one would be lost. A revision that stands in a release is never changed.
"""

import argparse
import re
import tempfile
from pathlib import Path

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from fastchat.storage.connecting import engine_of
from fastchat.storage.metadata import whole_metadata
from fastchat.storage.migrations import FOLDER, upgrade
from fastchat.storage.migrations.upgrading import scripts

PAGE = '''"""{title}."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    {steps}
'''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("title", help="what is new, in a few words")
    path = write(parser.parse_args().title, scripts(), _steps())
    print(path)  # noqa: T201  # what a command line tool is asked for


def write(title: str, known: ScriptDirectory, steps: str) -> Path:
    before = known.get_current_head() or "0000"
    revision = f"{int(before) + 1:04d}"
    slug = re.sub(r"\W+", "_", title.lower()).strip("_")
    path = FOLDER / "versions" / f"r{revision}_{slug}.py"
    title = title[:1].upper() + title[1:]
    path.write_text(PAGE.format(title=title, revision=revision, before=before, steps=steps))
    return path


def _steps() -> str:
    """What leads from the last revision to the tables of the code."""
    with tempfile.TemporaryDirectory() as folder:
        engine = engine_of(f"sqlite:///{folder}/fastchat.db")
        upgrade(engine)
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"render_as_batch": True})
            steps = produce_migrations(context, whole_metadata()).upgrade_ops
        engine.dispose()
    assert steps is not None
    return render_python_code(steps, render_as_batch=True)


if __name__ == "__main__":
    main()
