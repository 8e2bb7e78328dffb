"""What the writer does with rows, good ones and bad ones, and with a database that is away."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert

from fastchat.storage import Database, DatabaseAway, keys, usage
from fastchat.storage.connecting import engine_of
from fastchat.storage.keys import API_KEYS
from fastchat.storage.usage import Used
from fastchat.storage.writer import Writer

ROW = insert(API_KEYS)


def _row(number: int, digest: str | None = None) -> dict[str, object]:
    return {"id": f"k{number}", "name": "n", "digest": digest or str(number), "created_at": 0}


class Door:
    """A database that is away while it is shut."""

    def __init__(self, database: Database) -> None:
        self.is_open = False
        self.tries = 0
        self._database = database

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        self.tries += 1
        if not self.is_open:
            raise DatabaseAway("shut")
        with self._database._writing() as connection:
            yield connection


@pytest.fixture
def door(database: Database) -> Door:
    return Door(database)


def _names(database: Database) -> list[str]:
    return sorted(key.id for key in database.read_now(keys.every))


def test_rows_are_held_while_the_database_is_away(database: Database, door: Door) -> None:
    writer = Writer(door.begin, pauses_s=[0.01])
    for number in range(3):
        assert writer.put(ROW, _row(number))
    while door.tries < 3:
        assert not writer.flush(0.01)
    assert (writer.held, writer.written) == (3, 0)
    door.is_open = True
    assert writer.flush(5)
    assert _names(database) == ["k0", "k1", "k2"]
    writer.close(1)


def test_what_is_more_than_can_be_held_is_lost_and_counted(door: Door) -> None:
    writer = Writer(door.begin, capacity=2, pauses_s=[0.01])
    assert [writer.put(ROW, _row(number)) for number in range(4)] == [True, True, False, False]
    assert (writer.held, writer.lost) == (2, 2)
    writer.close(0.05)
    assert (writer.held, writer.lost) == (0, 4)


def test_a_row_that_the_database_refuses_is_lost_alone(database: Database, door: Door) -> None:
    door.is_open = True
    writer = Writer(door.begin)
    for row in (_row(1), _row(2, digest="1"), _row(3)):
        writer.put(ROW, row)
    assert writer.flush(5)
    assert (_names(database), writer.written, writer.lost) == (["k1", "k3"], 2, 1)
    writer.close(1)


@pytest.mark.parametrize("column", [{"created_at": 2**70}, {"name": "\ud800"}])
def test_a_row_that_the_driver_cannot_write_is_lost_alone(
    database: Database, door: Door, column: dict[str, object]
) -> None:
    door.is_open = True
    writer = Writer(door.begin)
    for row in (_row(1), _row(2) | column, _row(3)):
        writer.put(ROW, row)
    assert writer.flush(5)
    assert (_names(database), writer.written, writer.lost) == (["k1", "k3"], 2, 1)
    writer.close(1)


def test_what_comes_after_the_end_is_lost(door: Door) -> None:
    door.is_open = True
    writer = Writer(door.begin)
    writer.close(1)
    assert not writer.put(ROW, _row(1))
    assert writer.lost == 1


def test_a_full_disk_is_waited_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'fastchat.db'}"
    Database.open(url).close()
    engine = engine_of(url)
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA max_page_count = 20"))
    full = Database(engine, Database.open(url)._tables)
    for number in range(400):
        usage.add(full, Used(hour=number, key_id="", model="m" * 250, requests=1))
    assert not full.writer.flush(0.3)
    assert (full.writer.held, full.writer.lost) == (400, 0)
    event.listen(engine, "begin", lambda c: c.exec_driver_sql("PRAGMA max_page_count = 90000"))
    assert full.writer.flush(10)
    assert full.read_now(partial(usage.since, hour=0))[0].requests == 400
    full.close()
