"""An HTTP answer whose work stops when its client leaves."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing

from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fastchat.core.errors import PlatformError, ShuttingDown
from fastchat.relay.edge import error_response, unless_gone

RenderError = Callable[[PlatformError], bytes]


class WholeAnswer(Response):
    """Runs `work` and sends its bytes; if the client leaves first, the work is cancelled. What it
    put into `headers` is sent, too."""

    def __init__(
        self, work: Callable[[], Awaitable[bytes]], headers: Mapping[str, str] | None = None
    ) -> None:
        self.background: BackgroundTask | None = None
        self._work = work
        self._extra = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def run() -> None:
            body = await self._work()
            answer = Response(body, media_type="application/json", headers=self._extra)
            await answer(scope, receive, send)

        async def cut() -> None:
            await error_response(ShuttingDown())(scope, receive, send)

        await unless_gone(receive, run(), cut)


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
    ) -> None:
        self.background: BackgroundTask | None = None
        self._pieces = pieces
        self._render_error = render_error
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

        async def cut() -> None:
            if not started:
                await error_response(ShuttingDown())(scope, receive, send)
                return
            last_words = self._render_error(ShuttingDown())
            await send({"type": "http.response.body", "body": last_words})

        await unless_gone(receive, run(), cut)

    def _head(self) -> list[tuple[bytes, bytes]]:
        headers = self._extra | self._content_type
        return [(name.encode(), value.encode()) for name, value in headers.items()]

    async def _with_last_words(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for piece in pieces:
                yield piece
        except PlatformError as error:
            yield self._render_error(error)
