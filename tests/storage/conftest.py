"""Each test of storage runs on SQLite; with -m storage on PostgreSQL."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastchat.storage import Database
from tests.storage.postgres import Postgres, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    # not below pytest's own folder, which other users may not enter
    with (
        tempfile.TemporaryDirectory(prefix="fastchat-postgres-") as folder,
        running_postgres(Path(folder)) as server,
    ):
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.storage)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fastchat.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.create(uuid.uuid4().hex)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database.open(url)
    yield opened
    opened.close()
