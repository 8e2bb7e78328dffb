"""What was used, and what it cost: one row for an hour, a key and a model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    RowMapping,
    String,
    Table,
    func,
    select,
)

from fastchat.core.generation import Usage
from fastchat.storage.database import Database
from fastchat.storage.metadata import METADATA
from fastchat.storage.upserts import adding

HOUR_S = 3600
NO_KEY = ""

USAGE = Table(
    "usage",
    METADATA,
    Column("hour", BigInteger, primary_key=True),
    Column("key_id", String(16), primary_key=True),
    Column("model", String(256), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("microdollars", BigInteger, nullable=False),
)
_KEY = ("hour", "key_id", "model")
_SUMMED = tuple(column.name for column in USAGE.columns if column.name not in _KEY)


@dataclass(frozen=True, kw_only=True, slots=True)
class Used:
    """`hour` is its first second since 1970; cached tokens are among those of the prompt."""

    hour: int
    key_id: str
    model: str
    requests: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    microdollars: int = 0

    @property
    def tokens(self) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cached_tokens=self.cached_tokens,
        )

    def costing(self, microdollars: int) -> "Used":
        return replace(self, microdollars=microdollars)


_ADD = adding(USAGE)


def add(database: Database, used: Used) -> bool:
    """To what the row holds already; written beside. False: lost."""
    return database.put(_ADD[database.dialect], asdict(used))


def since(connection: Connection, hour: int) -> Sequence[Used]:
    """The sums by key and model since then; `hour` of each is that of the first use."""
    sums = [func.sum(USAGE.c[name]).label(name) for name in _SUMMED]
    rows = connection.execute(
        select(func.min(USAGE.c.hour).label("hour"), USAGE.c.key_id, USAGE.c.model, *sums)
        .where(USAGE.c.hour >= hour)
        .group_by(USAGE.c.key_id, USAGE.c.model)
        .order_by(USAGE.c.key_id, USAGE.c.model)
    )
    return [_used(row._mapping) for row in rows]


def tokens_by_key(connection: Connection) -> Mapping[str, int]:
    """All that each key ever used, prompt and answer."""
    tokens = func.sum(USAGE.c.prompt_tokens + USAGE.c.completion_tokens)
    rows = connection.execute(select(USAGE.c.key_id, tokens).group_by(USAGE.c.key_id))
    return {key_id: int(total) for key_id, total in rows}


def _used(values: RowMapping) -> Used:
    """PostgreSQL sums whole numbers to decimal ones."""
    sums = {name: int(values[name]) for name in _SUMMED}
    return Used(hour=values["hour"], key_id=values["key_id"], model=values["model"], **sums)
