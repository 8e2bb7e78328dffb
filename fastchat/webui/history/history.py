"""The conversations of the page in the database. Knows no Gradio and no HTTP."""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import msgspec

from fastchat.core.errors import PlatformError
from fastchat.storage import Database, DatabaseAway, conversations
from fastchat.storage.conversations import StoredConversation, StoredTurn
from fastchat.webui.session import Session, Settings, Turn

logger = logging.getLogger("gradio_web_server")

TITLE_CHARACTERS = 60
PICTURE = "\N{FRAME WITH PICTURE}"


@dataclass(frozen=True, slots=True)
class History:
    """`owner` is a login or a browser, as `Visitors` know it. A database that is away costs what
    would have been kept, never the chat."""

    database: Database
    wall_clock: Callable[[], float]

    async def save(self, session: Session, owner: str, tab: str) -> None:
        """What is new in it. An answer that is being written is kept as far as it is, and again
        when it is over. What was deleted stays so, whoever still has it open."""
        async with session.keeping:
            await self._save(session, owner, tab)

    async def _save(self, session: Session, owner: str, tab: str) -> None:
        if not session.turns or not session.conversation_id:
            return
        first = min(session.stored, len(session.turns) - 1)
        turns = [_stored(turn) for turn in session.turns[first:]]
        session.stored = len(session.turns) - session.is_busy
        action = partial(
            conversations.save,
            id=session.conversation_id,
            owner=owner,
            tab=digest(tab),
            title=title_of(session.turns[0]),
            turns=turns,
            first=first,
            now=self.wall_clock(),
            is_new=not session.is_kept,
        )
        try:
            await asyncio.to_thread(self.database.write, action)
            session.is_kept = True
        except DatabaseAway as error:
            session.stored = 0  # all of it the next time
            logger.warning("a conversation could not be kept: %s", error)

    async def of_tab(self, tab: str, owner: str) -> StoredConversation | None:
        """What this tab showed before the page's process was started anew."""
        try:
            return await self.database.read(
                partial(conversations.of_tab, tab=digest(tab), owner=owner)
            )
        except DatabaseAway:
            return None

    async def listed(self, owner: str, search: str) -> Sequence[StoredConversation]:
        try:
            return await self.database.read(
                partial(conversations.listed, owner=owner, search=search[:200].strip())
            )
        except DatabaseAway as error:
            logger.warning("the history cannot be read: %s", error)
            return []

    async def find(self, id: str, owner: str) -> StoredConversation | None:
        return await self.database.read(partial(conversations.opened, id=id, owner=owner))

    async def shared(self, share: str) -> StoredConversation | None:
        return await self.database.read(partial(conversations.shared, share=share))

    async def rename(self, id: str, owner: str, title: str) -> None:
        wanted = " ".join(title.split())[:200]
        if wanted:
            await self._change(id, owner, title=wanted)

    async def pin(self, id: str, owner: str, *, pinned: bool) -> None:
        await self._change(id, owner, pinned=pinned)

    async def share(self, id: str, owner: str) -> str | None:
        """The secret that lets others read it; the same one when it is shared already."""
        found = await self.find(id, owner)
        if found is None:
            return None
        token = found.share or secrets.token_hex(16)
        await self._change(id, owner, share=token)
        return token

    async def unshare(self, id: str, owner: str) -> None:
        await self._change(id, owner, share=None)

    async def bind(self, id: str, owner: str, tab: str) -> None:
        await self._change(id, owner, tab=digest(tab))

    async def forget(self, id: str, owner: str) -> bool:
        return await asyncio.to_thread(
            self.database.write, partial(conversations.forget, id=id, owner=owner)
        )

    async def _change(self, id: str, owner: str, **values: object) -> None:
        await asyncio.to_thread(
            self.database.write,
            lambda connection: conversations.change(connection, id, owner, **values),
        )


def restored(turns: Sequence[StoredTurn]) -> list[Turn]:
    """Turns whose settings an older version wrote otherwise come without them."""
    found = []
    for turn in turns:
        try:
            settings = msgspec.convert(dict(turn.settings), Settings)
        except (msgspec.ValidationError, PlatformError):
            settings = Settings(model="-")
        one = Turn(
            question=turn.question,
            settings=settings,
            pictures=tuple(turn.pictures),
            answer=turn.answer,
        )
        one.finish = "stop" if turn.finish == "stop" else "length" if turn.finish else None
        found.append(one)
    return found


def digest(tab: str) -> str:
    """A tab's number opens its conversation, so that the number itself is not stored."""
    return hashlib.sha256(f"tab:{tab}".encode(errors="surrogatepass")).hexdigest()[:32]


def title_of(turn: Turn) -> str:
    words = " ".join(turn.question.split()) or PICTURE * len(turn.pictures)
    return words if len(words) <= TITLE_CHARACTERS else f"{words[: TITLE_CHARACTERS - 1]}…"


def _stored(turn: Turn) -> StoredTurn:
    return StoredTurn(
        question=turn.question.replace("\0", ""),  # PostgreSQL keeps none in a text
        answer=turn.answer.replace("\0", ""),
        finish=turn.finish,
        settings=asdict(turn.settings),
        pictures=turn.pictures,
    )
