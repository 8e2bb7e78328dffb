"""What processes tell each other of quotas, in a real database."""

from dataclasses import replace

from fastchat.protocol.quotas import QuotaShare, QuotaUse
from fastchat.storage import Database
from fastchat.storage.quotas import QuotaShares

USE = QuotaUse(requests=3, tokens=500, day=20_000, microdollars=2**40, held_until=2**33)
SHARE = QuotaShare(process="a", model="gpt-4", told_at=1000, use=USE)


async def _heard(shares: QuotaShares, process: str = "b", since: int = 0) -> list[QuotaShare]:
    assert shares.database.writer.flush(10)
    found = await shares.of_others(process, since)
    return sorted(found, key=lambda share: (share.process, share.model))


async def test_others_hear_what_was_told_last(database: Database) -> None:
    shares = QuotaShares(database)
    shares.tell(SHARE)
    assert await _heard(shares) == [SHARE]
    later = replace(SHARE, told_at=1002, use=replace(USE, requests=5))
    shares.tell(later)
    shares.tell(replace(SHARE, model="other"))
    assert await _heard(shares) == [later, replace(SHARE, model="other")]
    assert await _heard(shares, since=1001) == [later]
    assert await _heard(shares, process="a") == []


async def test_what_is_old_is_forgotten(database: Database) -> None:
    shares = QuotaShares(database)
    shares.tell(SHARE)
    shares.tell(replace(SHARE, process="c", told_at=2000))
    shares.forget(1500)
    assert [share.process for share in await _heard(shares)] == ["c"]
