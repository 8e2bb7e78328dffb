"""What processes tell each other of quotas, in a real database."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from fastchat.protocol.quotas import QuotaShare, QuotaUse
from fastchat.storage import Database
from fastchat.storage.quotas import QuotaShares

NOW = 2**31
USE = QuotaUse(requests=3, tokens=500, day=20_000, microdollars=2**40, held_until=NOW + 1000)
SHARE = QuotaShare(process="a", model="gpt-4", told_at=NOW, use=USE)
# The seconds that a test may last.
SOON = 100


def at(now: float) -> Callable[[], float]:
    return lambda: now


@pytest.fixture
def shares(database: Database) -> QuotaShares:
    return QuotaShares(database, at(NOW))


async def _heard(shares: QuotaShares, process: str = "b", since: int = 0) -> list[QuotaShare]:
    assert shares.database.writer.flush(10)
    found = await shares.of_others(process, since)
    return sorted(found, key=lambda share: (share.process, share.model))


def _timeless(share: QuotaShare) -> QuotaShare:
    return replace(share, told_at=0, use=replace(share.use, held_until=0))


async def test_others_hear_what_was_told_last(shares: QuotaShares) -> None:
    later = replace(SHARE, use=replace(USE, requests=5))
    for told in (SHARE, later, replace(SHARE, model="other")):
        shares.tell(told)
    heard = [_timeless(share) for share in await _heard(shares)]
    assert heard == [_timeless(later), _timeless(replace(SHARE, model="other"))]
    assert await _heard(shares, process="a") == []


async def test_each_hears_by_its_own_clock_however_wrong_it_is(shares: QuotaShares) -> None:
    shares.tell(SHARE)
    behind = QuotaShares(shares.database, at(NOW - 5000))
    ((share,), (own,)) = await _heard(behind, since=NOW - 5000 - SOON), await _heard(shares)
    assert -SOON < share.told_at - (NOW - 5000) <= 0
    assert -SOON < share.use.held_until - (NOW - 4000) <= 0
    assert -SOON < own.use.held_until - (NOW + 1000) <= 0


async def test_what_was_told_before_is_not_heard(shares: QuotaShares) -> None:
    shares.tell(SHARE)
    assert await _heard(shares, since=NOW + SOON) == []
    assert len(await _heard(shares, since=NOW - SOON)) == 1


async def test_who_is_not_held_is_so_by_every_clock(shares: QuotaShares) -> None:
    shares.tell(replace(SHARE, use=replace(USE, held_until=0)))
    (share,) = await _heard(shares)
    assert share.use.held_until <= NOW


async def test_what_is_old_is_forgotten(shares: QuotaShares) -> None:
    shares.tell(SHARE)
    shares.forget(NOW - SOON)
    assert len(await _heard(shares)) == 1
    shares.forget(NOW + SOON)
    assert await _heard(shares) == []
