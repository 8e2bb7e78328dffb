"""An answer of an upstream for those who wait for it in a task of their own."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from fastchat.core.upstream import Upstream
from fastchat.relay.client import Call, Relay
from fastchat.relay.connection import UpstreamFault
from fastchat.relay.work import Header

UNREAD_BYTES = 64 * 1024
WHOLE_BYTES = 64 * 1024 * 1024


async def opened(
    relay: Relay,
    upstream: Upstream,
    path: bytes,
    *,
    headers: Iterable[Header] = (),
    body: bytes = b"",
) -> "Response":
    """Send a request and wait for the head of its answer. Raises `UpstreamFault`."""
    response = Response()
    response.call = relay.to(upstream).ask(response, path, headers=headers, body=body)
    try:
        await response.opening()
    except BaseException:
        response.abort()
        raise
    return response


class Response:
    """Iterate once for its body; `abort` it to leave early."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[Header] = []
        self.call: Call | None = None
        self._pieces: list[bytes] = []
        self._unread = 0
        self._ended = False
        self._fault: UpstreamFault | None = None
        self._news = asyncio.Event()

    async def opening(self) -> None:
        while not self.status:
            await self._hear()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            while self._pieces or not self._ended:
                if not self._pieces:
                    await self._hear()
                    continue
                data, self._pieces = b"".join(self._pieces), []
                self._unread = 0
                if self.call is not None:
                    self.call.resume()
                yield data
        finally:
            self.abort()

    async def whole(self) -> bytes:
        """Raises `UpstreamFault` when it is longer than anybody should hold in memory."""
        pieces: list[bytes] = []
        size = 0
        async with aclosing(aiter(self)) as body:
            async for piece in body:
                pieces.append(piece)
                size += len(piece)
                if size > WHOLE_BYTES:
                    raise UpstreamFault("malformed", answered=True)
        return b"".join(pieces)

    def abort(self) -> None:
        call, self.call = self.call, None
        if call is not None:
            call.abort()

    async def _hear(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._news.clear()
        await self._news.wait()

    # -- relay.connection.Receiver --

    def head(self, status: int, headers: list[Header]) -> None:
        self.status = status
        self.headers = headers
        self._news.set()

    def body(self, data: bytes) -> None:
        self._pieces.append(data)
        self._unread += len(data)
        self._news.set()
        if self._unread > UNREAD_BYTES and self.call is not None:
            self.call.pause()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    def fault(self, fault: UpstreamFault) -> None:
        self._fault = fault
        self._news.set()
