"""API keys: their digests, and what each may do."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Float,
    Integer,
    Row,
    String,
    Table,
    insert,
    select,
    update,
)

from fastchat.storage.metadata import METADATA

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("models", JSON(none_as_null=True)),
    Column("requests_per_s", Float),
    Column("burst", Integer),
    Column("token_budget", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredKey:
    """Times in seconds since 1970. `models` None: all of them; other Nones: no limit. `digest` is
    SHA-256 in hexadecimal digits: the key itself is stored nowhere."""

    id: str
    name: str
    digest: str
    models: tuple[str, ...] | None = None
    requests_per_s: float | None = None
    burst: int | None = None
    token_budget: int | None = None
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None

    def is_valid(self, now: float) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def add(connection: Connection, key: StoredKey) -> None:
    values = {column.name: getattr(key, column.name) for column in API_KEYS.columns}
    connection.execute(insert(API_KEYS).values(values))


def every(connection: Connection) -> Sequence[StoredKey]:
    """The oldest first, those that are no longer valid too."""
    rows = connection.execute(select(API_KEYS).order_by(API_KEYS.c.created_at, API_KEYS.c.id))
    return [_key(row) for row in rows]


def revoke(connection: Connection, id_or_name: str, now: float) -> int:
    """How many keys that were valid are not any more."""
    named = (API_KEYS.c.id == id_or_name) | (API_KEYS.c.name == id_or_name)
    valid = API_KEYS.c.revoked_at.is_(None)
    done = connection.execute(update(API_KEYS).where(named & valid).values(revoked_at=int(now)))
    return done.rowcount


def _key(row: Row[tuple[object, ...]]) -> StoredKey:
    values = dict(row._mapping)
    values["models"] = None if values["models"] is None else tuple(values["models"])
    return StoredKey(**values)
