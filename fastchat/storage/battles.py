"""Battles and votes. Rows are added and never changed: every leaderboard can be computed again."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
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
from sqlalchemy.dialects import postgresql, sqlite

from fastchat.arena.battle import Ballot, Battle, Side, Vote, Winner, traits_of
from fastchat.arena.style import Style
from fastchat.storage.database import Database
from fastchat.storage.metadata import METADATA

BATTLES = Table(
    "battles",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("began_at", Float, nullable=False),
    Column("finished_at", Float, nullable=False),
    Column("left_model", String(256), nullable=False),
    Column("right_model", String(256), nullable=False),
    Column("said", JSON, nullable=False),
    # What follows from the texts, so that a leaderboard need not read them.
    Column("question", String(32), nullable=False),
    Column("categories", JSON, nullable=False),
    Column("styles", JSON, nullable=False),
    Column("leaked", Boolean, nullable=False),
)
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


def _once(
    insert: type[sqlite.Insert] | type[postgresql.Insert], table: Table, key: str
) -> sqlite.Insert | postgresql.Insert:
    """Of two rows with the same key the first stays."""
    return insert(table).on_conflict_do_nothing(index_elements=[key])


_Insert = sqlite.Insert | postgresql.Insert
_ADD: Mapping[str, tuple[_Insert, _Insert]] = {
    "sqlite": (_once(sqlite.Insert, BATTLES, "id"), _once(sqlite.Insert, VOTES, "battle")),
    "postgresql": (
        _once(postgresql.Insert, BATTLES, "id"),
        _once(postgresql.Insert, VOTES, "battle"),
    ),
}


def add(database: Database, battle: Battle) -> bool:
    """Written beside. False: lost."""
    said = {
        "questions": battle.questions,
        "left": battle.left.answers,
        "right": battle.right.answers,
        "pictures": battle.pictures,
    }
    traits = traits_of(battle)
    return database.put(
        _ADD[database.dialect][0],
        {
            "id": battle.id,
            "kind": battle.kind,
            "began_at": battle.began_s,
            "finished_at": battle.finished_s,
            "left_model": battle.left.model,
            "right_model": battle.right.model,
            "said": said,
            "question": traits.question,
            "categories": sorted(traits.categories),
            "styles": [astuple(style) for style in traits.styles],
            "leaked": traits.leaked,
        },
    )


def vote(database: Database, cast: Vote) -> bool:
    """On a battle that was added. Written beside; of two votes on one battle the first holds."""
    return database.put(_ADD[database.dialect][1], _vote(cast))


def vote_now(connection: Connection, cast: Vote) -> bool:
    """As `vote`, at once. False: there was one already."""
    # Of an insert not every driver tells how many rows there were.
    added = _ADD[connection.dialect.name][1].returning(VOTES.c.id)
    return connection.execute(added, _vote(cast)).first() is not None


def appearances(connection: Connection) -> Mapping[str, int]:
    """In how many battles that were voted on each model was."""
    voted = BATTLES.join(VOTES, BATTLES.c.id == VOTES.c.battle)
    counts: dict[str, int] = {}
    for model in (BATTLES.c.left_model, BATTLES.c.right_model):
        query = select(model, func.count()).select_from(voted).group_by(model)
        for name, count in connection.execute(query):
            counts[name] = counts.get(name, 0) + count
    return counts


def _vote(cast: Vote) -> Mapping[str, object]:
    return {
        "battle": cast.battle,
        "winner": cast.winner,
        "voter": cast.voter,
        "address": cast.address,
        "cast_at": cast.cast_s,
        "dwell_s": cast.dwell_s,
        "reasons": list(cast.reasons),
    }


def find(connection: Connection, id: str) -> Battle | None:
    row = connection.execute(select(BATTLES).where(BATTLES.c.id == id)).mappings().first()
    if row is None:
        return None
    said: Any = row["said"]
    return Battle(
        id=row["id"],
        kind=row["kind"],
        began_s=row["began_at"],
        finished_s=row["finished_at"],
        questions=tuple(said["questions"]),
        left=Side(model=row["left_model"], answers=tuple(said["left"])),
        right=Side(model=row["right_model"], answers=tuple(said["right"])),
        pictures=_pictures(said),
    )


def _pictures(said: Mapping[str, Any]) -> tuple[str, ...]:
    """Of an earlier version it is known only that there were some."""
    return tuple(said["pictures"]) if "pictures" in said else ("",) * said["has_image"]


def ids(connection: Connection) -> Sequence[str]:
    """Of all battles, the oldest first."""
    return list(connection.execute(select(BATTLES.c.id).order_by(BATTLES.c.began_at)).scalars())


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
