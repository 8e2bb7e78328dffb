"""Opening, reading and closing a database."""

import stat
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from fastchat.core.database import DatabaseFlags, DatabaseUrl
from fastchat.core.errors import ConfigError
from fastchat.storage import Database, DatabaseAway, keys, usage
from fastchat.storage.keys import StoredKey
from fastchat.storage.usage import Used
from tests.storage.postgres import Postgres

HOUR = 1_800_000_000 // 3600 * 3600


def _key(id: str = "k1", **values: object) -> StoredKey:
    given: dict[str, object] = {"name": "ada", "digest": id * 8, "created_at": 5} | values
    return StoredKey(id=id, **given)  # type: ignore[arg-type]  # the tests' own values


async def test_what_is_put_can_be_read_again(database: Database) -> None:
    usage.add(database, Used(hour=HOUR, key_id="k1", model="m", requests=1, prompt_tokens=7))
    usage.add(database, Used(hour=HOUR, key_id="k1", model="m", requests=2, microdollars=9))
    usage.add(database, Used(hour=HOUR + 3600, key_id="k1", model="m", completion_tokens=3))
    assert database.writer.flush(5)
    read = await database.read(partial(usage.since, hour=HOUR))
    summed = Used(
        hour=HOUR, key_id="k1", model="m", requests=3, prompt_tokens=7, completion_tokens=3,
        microdollars=9,
    )  # fmt: skip
    assert read == [summed]
    assert await database.read(usage.tokens_by_key) == {"k1": 10}


async def test_a_key_is_stored_whole_and_revoked_by_name(database: Database) -> None:
    whole = _key(models=("a", "b"), requests_per_s=2.5, burst=4, token_budget=10**12, expires_at=9)
    database.write(partial(keys.add, key=whole))
    database.write(partial(keys.add, key=_key("k2", name="bob")))
    assert await database.read(keys.every) == [whole, _key("k2", name="bob")]
    assert database.write(partial(keys.revoke, id_or_name="bob", now=8.7)) == 1
    assert database.write(partial(keys.revoke, id_or_name="bob", now=9.7)) == 0
    assert [key.is_valid(8.0) for key in await database.read(keys.every)] == [True, False]


def test_what_is_held_is_written_before_the_end(url: str) -> None:
    database = Database.open(url)
    for _ in range(700):
        usage.add(database, Used(hour=HOUR, key_id="", model="m", requests=1))
    database.close()
    again = Database.open(url)
    assert again.read_now(partial(usage.since, hour=0))[0].requests == 700
    again.close()


def test_the_file_of_sqlite_is_nobody_elses_to_read(tmp_path: Path) -> None:
    path = tmp_path / "below" / "fastchat.db"
    Database.open(f"sqlite:///{path}").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_readers_do_not_wait_for_the_writer(database: Database) -> None:
    def write(_: object) -> int:
        return len(database.read_now(keys.every))

    assert database.write(write) == 0  # a read inside of a transaction that writes


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://host/name", "neither sqlite nor postgresql"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:////proc/none/fastchat.db", "/proc/none"),
    ],
)
def test_a_database_that_cannot_be_used_ends_the_start(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Database.open(url)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, by far" * 100)
    with pytest.raises(ConfigError, match="not a database"):
        Database.open(f"sqlite:///{path}")
    assert path.read_text().startswith("not a database")


def test_a_password_is_not_shown() -> None:
    url = DatabaseUrl.parse("postgresql://ada:secret@db/fastchat")
    assert repr(DatabaseFlags(database_url=url)).count("postgresql://ada:***@db/fastchat") == 1


@pytest.mark.storage
def test_postgresql_that_is_away_at_the_start_is_waited_for(postgres: Postgres) -> None:
    url = postgres.create("late")
    postgres.stop()
    database = Database.open(url)
    usage.add(database, Used(hour=HOUR, key_id="", model="m", requests=1))
    with pytest.raises(DatabaseAway, match="refused"):
        database.read_now(keys.every)
    postgres.start()
    assert database.writer.flush(20)
    assert len(database.read_now(partial(usage.since, hour=0))) == 1
    database.close()


@pytest.mark.storage
def test_nothing_is_lost_when_postgresql_is_killed_and_started_again(postgres: Postgres) -> None:
    database = Database.open(postgres.create("killed"))
    for round in range(3):
        for _ in range(50):
            usage.add(database, Used(hour=HOUR, key_id="", model=f"m{round}", requests=1))
        if round == 0:
            assert database.writer.flush(5)
            postgres.stop()
    postgres.start()
    assert database.writer.flush(20)
    read = database.read_now(partial(usage.since, hour=0))
    assert [used.requests for used in read] == [50, 50, 50]
    assert (database.writer.written, database.writer.lost) == (150, 0)
    database.close()


def test_sql_of_the_reader_sees_wal_mode(tmp_path: Path) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'fastchat.db'}")
    assert database.read_now(lambda c: c.execute(text("PRAGMA journal_mode")).scalar()) == "wal"
    database.close()
