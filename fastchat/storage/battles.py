"""Battles. Rows are added and never changed: every leaderboard can be computed again."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Float,
    String,
    Table,
    select,
)

from fastchat.arena.battle import Battle, Side, traits_of
from fastchat.storage.database import Database
from fastchat.storage.metadata import METADATA
from fastchat.storage.upserts import once

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
_ADD = once(BATTLES, "id")


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
        _ADD[database.dialect],
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
