"""The rest of an answer that another worker began, made of chunks for a client below ASGI."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from fastchat.core.errors import PlatformError
from fastchat.protocol.codec import encode
from fastchat.protocol.error_body import ErrorBody, error_event, error_lines
from fastchat.protocol.openai.completion import COMPLETIONS, SSE_HEADERS
from fastchat.relay.lines import as_lines
from fastchat.relay.work import Client
from fastchat.worker.shell import Shell
from fastchat.worker.tally import Tally


class Continuation:
    """`ended` is called before the last that the client hears."""

    def __init__(
        self, client: Client, ended: Callable[[], None], *, wants_counts: bool, shell: Shell
    ) -> None:
        self._client = client
        self._ended = ended
        self._shell = shell
        self._wants_counts = wants_counts
        self._may_go_on = asyncio.Event()
        self._may_go_on.set()
        self._began = False
        self._task: asyncio.Task[None] | None = None

    def begin(self, path: str, body: bytes, id: str, created: int) -> None:
        """Raises `PlatformError` for a request that cannot be."""
        completion = COMPLETIONS[path](body, id, created)
        tally = Tally(self._shell, self._shell.admission.clock, wants_counts=self._wants_counts)
        events = tally.with_counts(completion.events(tally.generate))
        self._task = asyncio.get_running_loop().create_task(self._say(events))

    def pause(self) -> None:
        self._may_go_on.clear()

    def resume(self) -> None:
        self._may_go_on.set()

    def cancel(self) -> None:
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    async def _say(self, events: AsyncGenerator[bytes, None]) -> None:
        async with aclosing(events):
            try:
                async for event in events:
                    await self._may_go_on.wait()
                    self._open()
                    self._client.piece(event)
            except PlatformError as error:
                self._fail(error)
                return
        self._ended()
        self._client.end()

    def _open(self) -> None:
        if not self._began:
            self._began = True
            headers = [(b"content-type", b"text/event-stream")]
            headers += [(name.encode(), value.encode()) for name, value in SSE_HEADERS.items()]
            self._client.start(200, as_lines(headers))

    def _fail(self, error: PlatformError) -> None:
        self._shell.figures.failed(error)
        self._ended()
        if self._began:
            self._client.piece(error_event(error))
            self._client.end()
        else:
            self._client.whole(error.status, error_lines(error), encode(ErrorBody.of(error)))
