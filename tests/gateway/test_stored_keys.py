"""Keys and usage in a real database, beside the requests."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from fastchat.core.api_keys import digest_of
from fastchat.core.board import Board
from fastchat.core.errors import InvalidKey, KeysUnknown, NoPermission, QuotaExceeded
from fastchat.core.generation import Usage
from fastchat.gateway.admit import Gate
from fastchat.gateway.callers import Rate
from fastchat.gateway.keys import KeyRing
from fastchat.gateway.passage import Passage
from fastchat.gateway.stored_keys import Ledger
from fastchat.providers.prices import Price
from fastchat.storage import Database, keys, usage
from fastchat.storage.keys import StoredKey
from fastchat.storage.usage import Used

NOW = 1_800_000_000.0
PRICES = {"gpt-4": Price(input=30, output=60, as_of="2026-01")}
SECRET = b"Bearer sk-secret"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'fastchat.db'}")
    yield opened
    opened.close()


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing.of([])


@pytest.fixture
def ledger(database: Database, ring: KeyRing) -> Ledger:
    return Ledger(database, ring, PRICES, lambda: NOW, default_rate=Rate(1000, 1000))


def _gate(ring: KeyRing) -> Gate:
    return Gate(ring, 1000, lambda: 0.0, lambda: NOW)


def _store(database: Database, secret: bytes = b"sk-secret", **values: object) -> None:
    given: dict[str, object] = {"id": "k1", "name": "ada", "created_at": 1} | values
    digest = digest_of(secret).hex()
    key = StoredKey(digest=digest, **given)  # type: ignore[arg-type]  # the tests' own values
    database.write(partial(keys.add, key=key))


def _passage(ring: KeyRing, model: str = "gpt-4", status: int = 200, tries: int = 1) -> Passage:
    return Passage(
        id="r", path="/", key=None, model=model, stream=False, status=status, error_code=None,
        worker="w", tries=tries, migrations=0, first_byte_s=None, total_s=1.0, at_worker="",
        counts=Usage(prompt_tokens=100, completion_tokens=50),
        caller=ring.check(SECRET) if ring.required else None,
    )  # fmt: skip


def _admit(ring: KeyRing, model: str = "gpt-4") -> None:
    gate = _gate(ring)
    caller = gate.admit_head({b"authorization": SECRET})
    gate.admit_body(b'{"model": "%s"}' % model.encode(), caller)


async def test_without_a_key_in_the_database_everybody_is_let_in(
    ledger: Ledger, ring: KeyRing
) -> None:
    ledger.begin()
    assert _gate(ring).admit_head({}) is None


async def test_a_stored_key_opens_and_a_revoked_one_does_not(
    ledger: Ledger, ring: KeyRing, database: Database
) -> None:
    _store(database)
    await ledger.refresh()
    _admit(ring)
    with pytest.raises(InvalidKey):
        _gate(ring).admit_head({})
    database.write(partial(keys.revoke, id_or_name="ada", now=NOW))
    await ledger.refresh()
    with pytest.raises(InvalidKey):
        _admit(ring)


async def test_a_stored_key_has_its_models(
    ledger: Ledger, ring: KeyRing, database: Database
) -> None:
    _store(database, models=("gpt-4",))
    await ledger.refresh()
    _admit(ring)
    with pytest.raises(NoPermission):
        _admit(ring, "other")


async def test_usage_is_summed_by_key_and_model_and_priced(
    ledger: Ledger, ring: KeyRing, database: Database
) -> None:
    _store(database)
    await ledger.refresh()
    for one in (_passage(ring), _passage(ring, status=500), _passage(ring, model="local")):
        ledger.account(one)
    ledger.account(_passage(ring, tries=0))  # nobody was asked
    ledger.flush()
    assert database.writer.flush(5)
    hour = int(NOW) // 3600 * 3600
    local, gpt = sorted(
        await database.read(partial(usage.since, hour=0)), key=lambda used: used.requests
    )
    assert gpt == Used(
        hour=hour, key_id="k1", model="gpt-4", requests=2, failures=1, prompt_tokens=200,
        completion_tokens=100, microdollars=200 * 30 + 100 * 60,
    )  # fmt: skip
    assert (local.model, local.requests, local.microdollars) == ("local", 1, 0)


async def test_a_budget_holds_before_anything_is_written(
    ledger: Ledger, ring: KeyRing, database: Database
) -> None:
    _store(database, token_budget=200)
    await ledger.refresh()
    ledger.account(_passage(ring))
    await ledger.refresh()  # what was used is not written yet, and not forgotten either
    _admit(ring)
    ledger.account(_passage(ring))
    with pytest.raises(QuotaExceeded):
        _admit(ring)


async def test_what_others_used_counts_too(
    ledger: Ledger, ring: KeyRing, database: Database
) -> None:
    _store(database, token_budget=200)
    usage.add(database, Used(hour=0, key_id="k1", model="m", prompt_tokens=300))
    assert database.writer.flush(5)
    ledger.begin()
    with pytest.raises(QuotaExceeded):
        _admit(ring)


async def test_a_key_that_asks_keeps_its_count_when_keys_are_read_again(
    ledger: Ledger, ring: KeyRing, database: Database
) -> None:
    _store(database, requests_per_s=0.001, burst=0)
    await ledger.refresh()
    _admit(ring)
    await ledger.refresh()
    with pytest.raises(Exception, match="Too many requests"):
        _admit(ring)


def test_a_key_is_what_it_was_changed_to_and_leaves_its_place_when_it_goes(
    database: Database, ring: KeyRing
) -> None:
    board = Board(2, places=1)
    ledger = Ledger(database, ring, {}, lambda: NOW, find_place=lambda name: board.place(name, 1))
    key = StoredKey(id="k1", name="ada", created_at=1, digest=digest_of(b"sk-secret").hex())
    for rate, models in [(5, None), (7, ("a",))]:
        ledger.take_in([replace(key, requests_per_s=rate, models=models)], {})
        caller = ring.check(SECRET)
        assert caller is not None
        assert caller.bucket is not None
        caller.admit(lambda: 0.0, lambda: NOW)
        assert caller.bucket.rate.per_s == rate
        assert caller.models == (None if models is None else set(models))
    ledger.take_in([], {})
    assert board.place("another", 2).is_shared


def test_keys_that_cannot_be_read_are_no_wrong_keys(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'fastchat.db'}")
    database._tables.engine.dispose()
    (tmp_path / "fastchat.db").unlink()
    (tmp_path / "fastchat.db").mkdir()
    ring = KeyRing.of(["sk-fixed"])
    Ledger(database, ring, PRICES, lambda: NOW).begin()
    with pytest.raises(KeysUnknown):
        _admit(ring)
    assert _gate(ring).admit_head({b"authorization": b"Bearer sk-fixed"}) is not None
    assert "only keys of the command line are known" in caplog.text
    database.close(0.1)
