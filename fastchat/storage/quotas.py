"""What each process has used of the quotas of providers: one row for a process and a model."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    RowMapping,
    String,
    Table,
    delete,
    select,
)
from sqlalchemy import bindparam as given

from fastchat.protocol.quotas import QuotaShare, QuotaUse
from fastchat.storage.database import Database
from fastchat.storage.metadata import METADATA
from fastchat.storage.upserts import replacing

QUOTA_SHARES = Table(
    "quota_shares",
    METADATA,
    Column("process", String(32), primary_key=True),
    Column("model", String(256), primary_key=True),
    Column("told_at", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("day", BigInteger, nullable=False),
    Column("microdollars", BigInteger, nullable=False),
    Column("held_until", BigInteger, nullable=False),
)
_REPLACE = replacing(QUOTA_SHARES)
_FORGET = delete(QUOTA_SHARES).where(QUOTA_SHARES.c.told_at < given("before"))


@dataclass(frozen=True, slots=True)
class QuotaShares:
    database: Database

    def tell(self, share: QuotaShare) -> None:
        """In place of what this process told before; written beside."""
        values = {"process": share.process, "model": share.model, "told_at": share.told_at}
        self.database.put(_REPLACE[self.database.dialect], values | asdict(share.use))

    def forget(self, before: int) -> None:
        """What was told so long ago."""
        self.database.put(_FORGET, {"before": before})

    async def of_others(self, process: str, since: int) -> Sequence[QuotaShare]:
        """Told since then. Raises `DatabaseAway`."""

        def found(connection: Connection) -> Sequence[QuotaShare]:
            rows = connection.execute(
                select(QUOTA_SHARES)
                .where(QUOTA_SHARES.c.told_at >= since)
                .where(QUOTA_SHARES.c.process != process)
            )
            return [_share(row._mapping) for row in rows]

        return await self.database.read(found)


def _share(row: RowMapping) -> QuotaShare:
    use = {field.name: row[field.name] for field in fields(QuotaUse)}
    return QuotaShare(
        process=row["process"], model=row["model"], told_at=row["told_at"], use=QuotaUse(**use)
    )
