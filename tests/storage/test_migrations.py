"""The revisions lead to exactly the tables of the code."""

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select, text

from fastchat.core.errors import ConfigError
from fastchat.storage import Database
from fastchat.storage.battles import BATTLES
from fastchat.storage.connecting import engine_of, writing
from fastchat.storage.metadata import whole_metadata
from fastchat.storage.migrations import upgrade
from fastchat.storage.migrations.upgrading import run, scripts


def test_the_revisions_lead_to_the_tables_of_the_code(url: str) -> None:
    engine = engine_of(url)
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, whole_metadata()) == []
    engine.dispose()


def test_battles_with_pictures_get_the_name_of_their_category(url: str) -> None:
    engine = engine_of(url)
    with writing(engine) as connection:
        run(connection, None, to="0004")
        for id, categories in (("b1", ["english", "image"]), ("b2", ["imagery"])):
            row = {"id": id, "kind": "api", "began_at": 1, "finished_at": 2, "left_model": "a"}
            row |= {"right_model": "b", "said": {}, "question": "q", "leaked": False}
            connection.execute(insert(BATTLES), row | {"categories": categories, "styles": []})
    upgrade(engine)
    with engine.connect() as connection:
        found = connection.execute(select(BATTLES.c.categories).order_by(BATTLES.c.id)).scalars()
        assert found.all() == [["english", "vision"], ["imagery"]]
    engine.dispose()


def test_the_history_is_one_line() -> None:
    revisions = list(scripts().walk_revisions())
    assert len(scripts().get_heads()) == 1
    assert [one.revision for one in reversed(revisions)] == [
        f"{number:04d}" for number in range(1, len(revisions) + 1)
    ]


def test_processes_that_start_together_make_the_tables_once(url: str) -> None:
    failures: list[Exception] = []

    def start() -> None:
        engine = engine_of(url)
        try:
            upgrade(engine)
        except Exception as error:  # noqa: BLE001  # looked at below
            failures.append(error)
        engine.dispose()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_database_of_a_newer_version_is_refused(url: str) -> None:
    Database.open(url).close()
    engine = engine_of(url)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigError, match="newer version"):
        Database.open(url)
