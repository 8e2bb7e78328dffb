"""An endpoint as an ASGI application."""

import asyncio
from collections import deque

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from fastchat.core.errors import BodyTooLarge, PlatformError
from fastchat.relay.edge import ClientGone, read_body, refuse_body, unless_gone
from fastchat.relay.lines import says_close
from fastchat.relay.work import Endpoint, Head, Header, Work

# What may wait for a client before the work is told to pause.
WAITING_BYTES = 16 * 1024


async def answer(endpoint: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
    client = _Client()
    client.work = work = endpoint.open(Head(scope["headers"]), client)
    try:
        if work.admit():
            work.ask(await read_body(receive, endpoint.limit_bytes))
    except ClientGone:
        return
    except BodyTooLarge as error:
        work.refuse(error)
    if client.refusal is not None:
        await refuse_body(client.refusal, receive, send)
        return

    async def cut(error: PlatformError) -> None:
        work.cut()
        await client.send_all(send)

    try:
        await unless_gone(receive, client.send_all(send), cut)
    finally:
        work.leave()


class _Client:
    """Holds what was said until ASGI has taken it. `refusal` is an answer after which the rest of
    the request is not going to be read."""

    def __init__(self) -> None:
        self.work: Work | None = None
        self.refusal: Response | None = None
        self._messages: deque[Message] = deque()
        self._news = asyncio.Event()
        self._ended = False
        self._waiting_bytes = 0

    async def send_all(self, send: Send) -> None:
        while self._messages or not self._ended:
            if not self._messages:
                self._news.clear()
                await self._news.wait()
            message = self._messages[0]
            await send(message)
            self._messages.popleft()
            self._waiting_bytes -= len(message.get("body", b""))
            if not self._messages and self.work is not None:
                self.work.resume()

    # -- Client --

    def whole(self, status: int, lines: bytes, body: bytes) -> None:
        if status >= 400 and says_close(lines):
            named = {name.decode(): value.decode() for name, value in _headers(lines)}
            self.refusal = Response(body, status_code=status, headers=named)
            return
        self.start(status, b"%bcontent-length: %d\r\n" % (lines, len(body)))
        self._add(body, more=False)

    def start(self, status: int, lines: bytes) -> None:
        head = {"type": "http.response.start", "status": status, "headers": _headers(lines)}
        self._messages.append(head)
        self._news.set()

    def piece(self, data: bytes) -> None:
        self._add(data, more=True)

    def end(self) -> None:
        self._add(b"", more=False)

    def _add(self, data: bytes, *, more: bool) -> None:
        self._messages.append({"type": "http.response.body", "body": data, "more_body": more})
        self._waiting_bytes += len(data)
        self._ended = not more
        self._news.set()
        if self._waiting_bytes > WAITING_BYTES and self.work is not None:
            self.work.pause()


def _headers(lines: bytes) -> list[Header]:
    split = [line.partition(b": ") for line in lines.split(b"\r\n") if line]
    return [(name, value) for name, _, value in split]
