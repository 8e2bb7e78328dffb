"""What people said to models on the page, as long as they want it kept."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from fastchat.storage.metadata import METADATA

MOST_LISTED = 200

CONVERSATIONS = Table(
    "conversations",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("owner", String(64), nullable=False, index=True),
    Column("title", String(200), nullable=False),
    Column("pinned", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("share", String(32), unique=True),
    Column("tab", String(32), index=True),
)
TURNS = Table(
    "turns",
    METADATA,
    Column("conversation", String(32), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("question", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("finish", String(16)),
    Column("settings", JSON, nullable=False),
    Column("pictures", JSON),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredTurn:
    """`settings` are those of the controls when it was asked; `pictures` are data URLs."""

    question: str
    answer: str
    finish: str | None
    settings: Mapping[str, Any]
    pictures: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredConversation:
    """`share`: whoever knows it may read this conversation."""

    id: str
    title: str
    pinned: bool
    created_s: float
    updated_s: float
    share: str | None = None
    turns: Sequence[StoredTurn] = ()


def save(
    connection: Connection,
    id: str,
    owner: str,
    tab: str,
    title: str,
    turns: Sequence[StoredTurn],
    first: int,
    now: float,
    is_new: bool,
) -> None:
    """The turns from `first` on are these; those after them are gone. A conversation that is
    somebody else's is left alone, and so is one that is not new and not there: it was deleted.
    Only a new one takes the title."""
    mine = (CONVERSATIONS.c.id == id) & (CONVERSATIONS.c.owner == owner)
    # Who deletes it waits from here on.
    found = connection.execute(update(CONVERSATIONS).where(mine).values(updated_at=now, tab=tab))
    if found.rowcount == 0:
        taken = select(CONVERSATIONS.c.id).where(CONVERSATIONS.c.id == id)
        if not is_new or connection.execute(taken).first() is not None:
            return
        new = insert(CONVERSATIONS).values(id=id, owner=owner, title=title, pinned=False)
        connection.execute(new.values(created_at=now, updated_at=now, tab=tab))
    connection.execute(delete(TURNS).where((TURNS.c.conversation == id) & (TURNS.c.place >= first)))
    if turns:
        rows = [
            {"conversation": id, "place": first + place} | asdict(turn)
            for place, turn in enumerate(turns)
        ]
        connection.execute(insert(TURNS), rows)


def listed(connection: Connection, owner: str, search: str = "") -> Sequence[StoredConversation]:
    """Without their turns: the pinned ones first, then the one that was used last."""
    table = CONVERSATIONS
    query = select(table).where(table.c.owner == owner)
    if search:
        said = select(TURNS.c.conversation).where(
            or_(_holds(TURNS.c.question, search), _holds(TURNS.c.answer, search))
        )
        query = query.where(or_(_holds(table.c.title, search), table.c.id.in_(said)))
    query = query.order_by(table.c.pinned.desc(), table.c.updated_at.desc()).limit(MOST_LISTED)
    return [_conversation(row) for row in connection.execute(query).mappings()]


def opened(connection: Connection, id: str, owner: str) -> StoredConversation | None:
    return _whole(connection, (CONVERSATIONS.c.id == id) & (CONVERSATIONS.c.owner == owner))


def of_tab(connection: Connection, tab: str, owner: str) -> StoredConversation | None:
    """What a tab of a browser showed last."""
    latest = CONVERSATIONS.c.updated_at.desc()
    mine = (CONVERSATIONS.c.tab == tab) & (CONVERSATIONS.c.owner == owner)
    query = select(CONVERSATIONS.c.id).where(mine).order_by(latest).limit(1)
    id = connection.execute(query).scalar()
    return None if id is None else opened(connection, id, owner)


def shared(connection: Connection, share: str) -> StoredConversation | None:
    return _whole(connection, CONVERSATIONS.c.share == share)


def change(connection: Connection, id: str, owner: str, **values: object) -> bool:
    """`title`, `pinned`, `share` or `tab`. False: there is no such conversation of this owner."""
    mine = (CONVERSATIONS.c.id == id) & (CONVERSATIONS.c.owner == owner)
    return connection.execute(update(CONVERSATIONS).where(mine).values(values)).rowcount == 1


def forget(connection: Connection, id: str, owner: str) -> bool:
    """For good: with everything that was said in it."""
    mine = (CONVERSATIONS.c.id == id) & (CONVERSATIONS.c.owner == owner)
    if connection.execute(delete(CONVERSATIONS).where(mine)).rowcount == 0:
        return False
    connection.execute(delete(TURNS).where(TURNS.c.conversation == id))
    return True


def _holds(column: Column[Any], search: str) -> Any:
    return func.lower(column).contains(search.lower(), autoescape=True)


def _whole(connection: Connection, condition: Any) -> StoredConversation | None:
    row = connection.execute(select(CONVERSATIONS).where(condition)).mappings().first()
    if row is None:
        return None
    query = select(TURNS).where(TURNS.c.conversation == row["id"]).order_by(TURNS.c.place)
    return _conversation(row, [_turn(turn) for turn in connection.execute(query).mappings()])


def _conversation(row: RowMapping, turns: Sequence[StoredTurn] = ()) -> StoredConversation:
    return StoredConversation(
        id=row["id"],
        title=row["title"],
        pinned=row["pinned"],
        created_s=row["created_at"],
        updated_s=row["updated_at"],
        share=row["share"],
        turns=turns,
    )


def _turn(row: RowMapping) -> StoredTurn:
    names = ("question", "answer", "finish", "settings")
    return StoredTurn(**{name: row[name] for name in names}, pictures=row["pictures"] or ())
