"""Votes on battles. Rows are added and never changed: every leaderboard can be computed again."""

from collections.abc import Mapping, Sequence

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Float,
    Integer,
    RowMapping,
    String,
    Table,
    func,
    select,
)

from fastchat.arena.battle import Ballot, Vote, Winner
from fastchat.arena.style import Style
from fastchat.storage.battles import BATTLES
from fastchat.storage.database import Database
from fastchat.storage.metadata import METADATA
from fastchat.storage.upserts import once

VOTES = Table(
    "votes",
    METADATA,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("battle", String(32), nullable=False, unique=True),
    Column("winner", String(16), nullable=False),
    Column("voter", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("cast_at", Float, nullable=False),
    Column("dwell_s", Float, nullable=False),
    Column("reasons", JSON, nullable=False),
)
_ADD = once(VOTES, "battle")


def add(database: Database, cast: Vote) -> bool:
    """On a battle that was added. Written beside; of two votes on one battle the first holds."""
    return database.put(_ADD[database.dialect], _row(cast))


def add_now(connection: Connection, cast: Vote) -> bool:
    """As `add`, at once. False: there was one already."""
    # Of an insert not every driver tells how many rows there were.
    added = _ADD[connection.dialect.name].returning(VOTES.c.id)
    return connection.execute(added, _row(cast)).first() is not None


def appearances(connection: Connection) -> Mapping[str, int]:
    """In how many battles that were voted on each model was."""
    voted = BATTLES.join(VOTES, BATTLES.c.id == VOTES.c.battle)
    counts: dict[str, int] = {}
    for model in (BATTLES.c.left_model, BATTLES.c.right_model):
        query = select(model, func.count()).select_from(voted).group_by(model)
        for name, count in connection.execute(query):
            counts[name] = counts.get(name, 0) + count
    return counts


def _row(cast: Vote) -> Mapping[str, object]:
    return {
        "battle": cast.battle,
        "winner": cast.winner,
        "voter": cast.voter,
        "address": cast.address,
        "cast_at": cast.cast_s,
        "dwell_s": cast.dwell_s,
        "reasons": list(cast.reasons),
    }


def winners(connection: Connection) -> Mapping[str, Winner]:
    """What people voted, by battle."""
    rows = connection.execute(select(VOTES.c.battle, VOTES.c.winner))
    return {row.battle: row.winner for row in rows}


def is_voted(connection: Connection, battle: str) -> bool:
    return (
        connection.execute(select(VOTES.c.id).where(VOTES.c.battle == battle)).first() is not None
    )


def ballots(connection: Connection, after: int = 0) -> tuple[Sequence[Ballot], int]:
    """Votes with what the ratings need of their battles, in the order in which they were written,
    and the number of the last one."""
    battle = [BATTLES.c[name] for name in _OF_BATTLES]
    joined = select(VOTES, *battle).join(BATTLES, BATTLES.c.id == VOTES.c.battle)
    rows = (
        connection.execute(joined.where(VOTES.c.id > after).order_by(VOTES.c.id)).mappings().all()
    )
    return [_ballot(row) for row in rows], rows[-1]["id"] if rows else after


_OF_BATTLES = ("kind", "left_model", "right_model", "question", "categories", "styles", "leaked")


def _ballot(row: RowMapping) -> Ballot:
    left, right = row["styles"]
    return Ballot(
        battle=row["battle"],
        kind=row["kind"],
        left=row["left_model"],
        right=row["right_model"],
        winner=row["winner"],
        cast_s=row["cast_at"],
        voter=row["voter"],
        address=row["address"],
        dwell_s=row["dwell_s"],
        question=row["question"],
        categories=frozenset(row["categories"]),
        styles=(Style(*left), Style(*right)),
        leaked=row["leaked"],
        reasons=tuple(row["reasons"]),
    )
