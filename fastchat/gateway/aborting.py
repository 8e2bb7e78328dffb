"""A request is aborted by its id: by the key that asked, or by who has the cluster token.

With several processes on the port the request may be another's: all of them are told.
"""

import asyncio
import hmac
from collections.abc import Mapping, Set
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fastchat.core.errors import Aborted, UnknownRequest
from fastchat.gateway.forwarding import Forwarding
from fastchat.gateway.keys import KeyRing
from fastchat.gateway.siblings import answering, asked
from fastchat.protocol import abort as protocol
from fastchat.protocol.codec import decode
from fastchat.relay.edge import json_response

SOCKET = ".abort.sock"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """`owner` is the caller whose requests are meant; None where callers have no keys."""

    id: str
    owner: str | None = None
    is_admin: bool = False

    def means(self, request: Forwarding) -> bool:
        if request.id != self.id:
            return False
        caller = request.caller
        return self.is_admin or self.owner == (None if caller is None else caller.owner)


@dataclass(frozen=True, kw_only=True, slots=True)
class Aborting:
    """`folder` is where the processes of one port reach each other, `number` this one's among
    them."""

    under_way: Set[Forwarding]
    keys: KeyRing
    token: str | None = field(repr=False)
    folder: Path | None = None
    number: int = 0

    def wish(self, id: str, headers: Mapping[bytes, bytes]) -> Wish:
        """Raises `InvalidKey`. Neither rate nor budget counts: who aborts asks for less."""
        shown = headers.get(b"authorization", b"")
        if self.token is not None and hmac.compare_digest(shown, f"Bearer {self.token}".encode()):
            return Wish(id=id, is_admin=True)
        caller = self.keys.caller(headers)
        return Wish(id=id, owner=None if caller is None else caller.owner)

    async def abort(self, wish: Wish) -> int:
        """How many there were. Raises `UnknownRequest` when there was none."""
        count = self._abort_here(wish)
        count += sum(await asyncio.gather(*(_told(path, wish) for path in self._others())))
        if not count:
            raise UnknownRequest(wish.id)
        return count

    def heard(self) -> AbstractAsyncContextManager[None]:
        """Do what the other processes are asked for, while the body runs."""
        if self.folder is None:
            return nullcontext()
        return answering(self._socket(self.folder), self._heard)

    def _heard(self, line: bytes) -> bytes:
        try:
            wish = msgspec.json.decode(line, type=Wish)
        except msgspec.DecodeError:
            return b""
        return b"%d" % self._abort_here(wish)

    def _abort_here(self, wish: Wish) -> int:
        meant = [request for request in self.under_way if wish.means(request)]
        for request in meant:
            request.refuse(Aborted())
        return len(meant)

    def _others(self) -> list[Path]:
        if self.folder is None:
            return []
        return [
            path for path in self.folder.glob(f"*{SOCKET}") if path != self._socket(self.folder)
        ]

    def _socket(self, folder: Path) -> Path:
        return folder / f"{self.number}{SOCKET}"


def routes(aborting: Aborting) -> APIRouter:
    """OpenAI has no such call for chats; this is SGLang's."""
    router = APIRouter()

    @router.post(protocol.PATH)
    async def abort(request: Request) -> Response:
        headers = dict(request.scope["headers"])
        asked = decode(await request.body(), protocol.AbortRequest)
        count = await aborting.abort(aborting.wish(asked.id, headers))
        return json_response(protocol.Aborted(rid=asked.rid, aborted=count))

    return router


async def _told(path: Path, wish: Wish) -> int:
    """One that is away has no requests."""
    return int(await asked(path, msgspec.json.encode(wish)) or b"0")
