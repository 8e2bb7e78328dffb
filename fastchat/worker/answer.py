"""An HTTP answer whose work stops when its client leaves."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, aclosing, nullcontext

from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fastchat.core.errors import PlatformError
from fastchat.relay.edge import error_response, unless_gone
from fastchat.worker.under_way import End

RenderError = Callable[[PlatformError], bytes]
# Lets others end the request while it lasts.
Known = Callable[[End], AbstractContextManager[None]]


def unknown(end: End) -> AbstractContextManager[None]:
    """Nobody ends it but its client."""
    return nullcontext()


class WholeAnswer(Response):
    """Runs `work` and sends its bytes; if the client leaves first, the work is cancelled. What it
    put into `headers` is sent, too."""

    def __init__(
        self,
        work: Callable[[], Awaitable[bytes]],
        headers: Mapping[str, str] | None = None,
        *,
        known: Known = unknown,
    ) -> None:
        self.background: BackgroundTask | None = None
        self._work = work
        self._extra = headers
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def run() -> None:
            body = await self._work()
            answer = Response(body, media_type="application/json", headers=self._extra)
            await answer(scope, receive, send)

        async def cut(error: PlatformError) -> None:
            await error_response(error)(scope, receive, send)

        ended = _future()
        with self._known(_resolving(ended)):
            await unless_gone(receive, run(), cut, ended)


class StreamedAnswer(Response):
    """Sends `pieces` as they come. An error before the first one is raised, to become an ordinary
    error answer; a later one becomes the last piece."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        *,
        media_type: str | None,
        headers: dict[str, str],
        render_error: RenderError,
        known: Known = unknown,
    ) -> None:
        self.background: BackgroundTask | None = None
        self._pieces = pieces
        self._render_error = render_error
        self._known = known
        self._extra = headers
        self._content_type = {} if media_type is None else {"content-type": media_type}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def run() -> None:
            nonlocal started
            async with aclosing(self._pieces) as pieces:
                first = await anext(pieces)
                started = True
                await send({"type": "http.response.start", "status": 200, "headers": self._head()})
                await send({"type": "http.response.body", "body": first, "more_body": True})
                async for piece in self._with_last_words(pieces):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

        async def cut(error: PlatformError) -> None:
            if not started:
                await error_response(error)(scope, receive, send)
                return
            last_words = self._render_error(error)
            await send({"type": "http.response.body", "body": last_words})

        ended = _future()
        with self._known(_resolving(ended)):
            await unless_gone(receive, run(), cut, ended)

    def _head(self) -> list[tuple[bytes, bytes]]:
        headers = self._extra | self._content_type
        return [(name.encode(), value.encode()) for name, value in headers.items()]

    async def _with_last_words(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for piece in pieces:
                yield piece
        except PlatformError as error:
            yield self._render_error(error)


def _future() -> "asyncio.Future[PlatformError]":
    return asyncio.get_running_loop().create_future()


def _resolving(ended: "asyncio.Future[PlatformError]") -> End:
    def end(error: PlatformError) -> None:
        if not ended.done():
            ended.set_result(error)

    return end
