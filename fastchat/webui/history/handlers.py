"""What the history beside the chat does when something is clicked."""

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import gradio as gr

from fastchat.core.errors import PlatformError
from fastchat.storage.conversations import StoredConversation
from fastchat.webui.history.export import as_json, as_markdown
from fastchat.webui.history.history import History, restored, title_of
from fastchat.webui.rows import Rendering, Row
from fastchat.webui.session import Session
from fastchat.webui.store import Store
from fastchat.webui.visitors import Visitors

TOKEN = re.compile(r"[0-9a-f]{32}")
PIN = "\N{PUSHPIN} "
Rows = list[Row]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HistoryHandlers:
    store: Store[Session]
    visitors: Visitors
    history: History

    async def listed(
        self, request: gr.Request, id: object, browser: object, search: object
    ) -> object:
        owner = self.visitors.owner(request, browser)
        if owner is None:
            return gr.update(choices=[], value=None)
        found = await self.history.listed(owner, search if isinstance(search, str) else "")
        session = self.store.find(id)
        current = session.conversation_id if session is not None else ""
        choices = [(f"{PIN if one.pinned else ''}{one.title}", one.id) for one in found]
        shown = current if current in {one.id for one in found} else None
        return gr.update(choices=choices, value=shown)

    async def open(
        self, request: gr.Request, id: object, browser: object, chosen: object
    ) -> tuple[object, Rows]:
        """Under a new number for this tab: the one before keeps what it has."""
        owner = self.visitors.owner(request, browser)
        found = None
        if owner is not None and isinstance(chosen, str):
            found = await self._told(request, lambda: self.history.find(chosen, owner))
        if found is None or owner is None:
            raise gr.Error(self.visitors.words(request).history_gone, print_exception=False)
        tab = secrets.token_hex(16)
        session = self._own(tab, found)
        await self._told(request, lambda: self.history.bind(found.id, owner, tab))
        return tab, self._rows(request, session)

    async def again(self, request: gr.Request, id: object, browser: object) -> Session | None:
        """What a tab showed whose process was started anew, or what somebody shared."""
        if not isinstance(id, str) or not TOKEN.fullmatch(id):
            return None
        owner = self.visitors.owner(request, browser)
        found = await self.history.of_tab(id, owner) if owner is not None else None
        if found is not None:
            return self._own(id, found)
        share = request.query_params.get("share", "")
        if TOKEN.fullmatch(share):
            shared = await self._told(request, lambda: self.history.shared(share))
            return self._session(id, shared) if shared is not None else None
        return None

    async def keep(
        self, request: gr.Request, session: Session, id: object, browser: object
    ) -> None:
        owner = self.visitors.owner(request, browser)
        if owner is not None and isinstance(id, str):
            await self.history.save(session, owner, id)

    async def rename(self, request: gr.Request, id: object, browser: object, title: object) -> None:
        wanted = title if isinstance(title, str) else ""
        await self._on(
            request, id, browser, lambda one, owner: self.history.rename(one, owner, wanted)
        )

    async def pin(self, request: gr.Request, id: object, browser: object) -> None:
        async def turned(one: str, owner: str) -> None:
            found = await self.history.find(one, owner)
            if found is not None:
                await self.history.pin(one, owner, pinned=not found.pinned)

        await self._on(request, id, browser, turned)

    async def share(self, request: gr.Request, id: object, browser: object) -> object:
        token = await self._on(request, id, browser, self.history.share)
        return gr.update(value=f"?share={token}", visible=True) if token else gr.skip()

    async def unshare(self, request: gr.Request, id: object, browser: object) -> object:
        await self._on(request, id, browser, self.history.unshare)
        return gr.update(value="", visible=False)

    async def forget(self, request: gr.Request, id: object, browser: object) -> tuple[object, Rows]:
        """For good, here and in the database."""
        session = self.store.find(id)
        if session is not None:
            await session.stop()
            async with session.keeping:  # whoever read the answer is about to keep it
                await self._on(request, id, browser, self.history.forget)
                await session.clear()
        return secrets.token_hex(16), []

    def export(self, kind: str) -> Callable[[object], str]:
        write = as_json if kind == "json" else as_markdown

        def exported(id: object) -> str:
            session = self.store.find(id)
            turns = session.turns if session is not None else []
            return write(title_of(turns[0]) if turns else "", turns)

        return exported

    async def _on(
        self,
        request: gr.Request,
        id: object,
        browser: object,
        action: Callable[[str, str], Awaitable[T]],
    ) -> T | None:
        """On the conversation that this tab shows; nothing when that is not kept."""
        session, owner = self.store.find(id), self.visitors.owner(request, browser)
        if session is None or not session.conversation_id or owner is None:
            return None
        conversation = session.conversation_id
        return await self._told(request, lambda: action(conversation, owner))

    async def _told(self, request: gr.Request, action: Callable[[], Awaitable[T]]) -> T:
        """What goes wrong is said in the corner of the page."""
        try:
            return await action()
        except PlatformError as error:
            sentence = self.visitors.words(request).fault(error, "")
            raise gr.Error(sentence, print_exception=False) from error

    def _own(self, tab: str, found: StoredConversation) -> Session:
        session = self._session(tab, found)
        session.conversation_id, session.stored = found.id, len(found.turns)
        session.is_kept = True
        return session

    def _session(self, tab: str, found: StoredConversation) -> Session:
        session = self.store.open(tab)
        session.turns = restored(found.turns)
        return session

    def _rows(self, request: gr.Request, session: Session) -> Rows:
        return Rendering(self.visitors.words(request)).rows(session.turns, is_busy=False)
