"""What each process has used of the quotas of providers: one row for a process and a model.

Processes of different machines have clocks of their own. In the database all times are by its
clock; each process tells and hears them by its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    RowMapping,
    String,
    Table,
    cast,
    delete,
    extract,
    func,
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
_NOW = cast(extract("epoch", func.current_timestamp()), BigInteger)
_REPLACE = {
    dialect: insert.values(told_at=_NOW, held_until=_NOW + given("held_s"))
    for dialect, insert in replacing(QUOTA_SHARES).items()
}
_FORGET = delete(QUOTA_SHARES).where(QUOTA_SHARES.c.told_at < _NOW - given("ago_s"))


@dataclass(frozen=True, slots=True)
class QuotaShares:
    database: Database
    wall_clock: Callable[[], float]

    def tell(self, share: QuotaShare) -> None:
        """In place of what this process told before; written beside."""
        values = {"process": share.process, "model": share.model} | asdict(share.use)
        held_s = values.pop("held_until") - self._now
        self.database.put(_REPLACE[self.database.dialect], values | {"held_s": max(held_s, 0)})

    def forget(self, before: int) -> None:
        """What was told so long ago."""
        self.database.put(_FORGET, {"ago_s": self._now - before})

    async def of_others(self, process: str, since: int) -> Sequence[QuotaShare]:
        """Told since then. Raises `DatabaseAway`."""

        now = self._now
        query = (
            select(QUOTA_SHARES, _NOW.label("now"))
            .where(QUOTA_SHARES.c.told_at >= _NOW - (now - since))
            .where(QUOTA_SHARES.c.process != process)
        )

        def found(connection: Connection) -> Sequence[QuotaShare]:
            return [_share(row._mapping, now) for row in connection.execute(query)]

        return await self.database.read(found)

    @property
    def _now(self) -> int:
        return int(self.wall_clock())


def _share(row: RowMapping, now: int) -> QuotaShare:
    ahead = now - row["now"]
    use = QuotaUse(**{field.name: row[field.name] for field in fields(QuotaUse)})
    return QuotaShare(
        process=row["process"],
        model=row["model"],
        told_at=row["told_at"] + ahead,
        use=replace(use, held_until=use.held_until + ahead),
    )
