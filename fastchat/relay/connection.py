"""One connection to an upstream: HTTP/1.1, one exchange at a time, no object per chunk."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, cast

import httptools

Header = tuple[bytes, bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Seconds and bytes. `silence_s` is the longest wait for the next byte of an answer."""

    connect_s: float = 5.0
    silence_s: float = 100.0
    keep_alive_s: float = 30.0
    idle_per_upstream: int = 64
    head_bytes: int = 64 * 1024
    unread_bytes: int = 64 * 1024
    whole_bytes: int = 64 * 1024 * 1024


class UpstreamFault(Exception):
    """The upstream did not answer as it should. `answered` tells whether any byte came back: until
    then the request can be sent elsewhere."""

    def __init__(
        self, kind: Literal["connect", "lost", "silent", "malformed"], *, answered: bool
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        self.answered = answered


class Connection(asyncio.Protocol):
    """Parses answers and holds what was not read yet; pauses the socket when that is too much."""

    def __init__(self, limits: Limits) -> None:
        self.deadline: float | None = None
        self.idle_since = 0.0
        self._limits = limits
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._pieces: deque[bytes] = deque()
        self._fault: UpstreamFault | None = None
        self._paused = False
        self._reset()
        self._complete = True  # nothing is asked yet

    # -- for the client --

    @property
    def is_reusable(self) -> bool:
        return self._complete and self._keep_alive and self._fault is None and self.is_open

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, data: bytes) -> None:
        """Start an exchange."""
        assert self._transport is not None
        self._reset()
        self._transport.write(data)

    async def head(self) -> tuple[int, list[Header]]:
        """Wait for the status and the headers. Raises `UpstreamFault`."""
        while not self._headers_done:
            self._raise_fault()
            await self._wait()
        if self.status > 599:  # no server of ours could pass that on
            raise UpstreamFault("malformed", answered=True)
        return self.status, self.headers

    async def read(self) -> bytes:
        """All that has arrived of the body; empty at its end. Raises `UpstreamFault`."""
        while not self._pieces:
            if self._complete:
                return b""
            self._raise_fault()
            await self._wait()
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._unread = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    def fail(self, kind: Literal["connect", "lost", "silent", "malformed"]) -> None:
        """End the exchange, and the connection with it."""
        if self._fault is None and not self._complete:
            self._fault = UpstreamFault(kind, answered=self._answered)
        self.close()
        self._wake()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio.Protocol --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's by behaviour only.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._complete:  # nobody asked: whatever this is, it is no answer of ours
            self._keep_alive = False
            self.close()
            return
        self._answered = True
        if not self._headers_done:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.fail("malformed")
            return
        if not self._headers_done and self._head_bytes > self._limits.head_bytes:
            self.fail("malformed")
            return
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        # An answer without a length ends with the connection; any other is cut short by it.
        if self._headers_done and not self._framed and exc is None:
            self._complete = True
        self.fail("lost")

    # -- httptools --

    def on_message_begin(self) -> None:
        if self._complete:
            self._keep_alive = False  # a second answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._complete:
            return
        name = name.lower()
        if name in (b"content-length", b"transfer-encoding"):
            self._framed = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._complete:
            return
        self.status = self._parser.get_status_code()
        if self.status >= 200:
            self._headers_done = True
            self._framed = self._framed or self.status in (204, 304)

    def on_body(self, data: bytes) -> None:
        if self._complete:
            return
        self._pieces.append(data)
        self._unread += len(data)
        if self._unread > self._limits.unread_bytes and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._complete:
            return
        if not self._headers_done:  # an interim 1xx answer: the real one follows
            self.headers.clear()
            self._framed = False
            return
        self._keep_alive = self._parser.should_keep_alive()
        self._complete = True

    # -- inside --

    def _reset(self) -> None:
        self.status = 0
        self.headers: list[Header] = []
        self._pieces.clear()
        self._unread = 0
        self._head_bytes = 0
        self._headers_done = False
        self._framed = False
        self._complete = False
        self._answered = False
        self._keep_alive = True
        self._paused = False
        self._fault = None

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        self.deadline = loop.time() + self._limits.silence_s
        try:
            await self._waiter
        finally:
            self.deadline = None
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault


class Response:
    """An answer whose head has arrived. Iterate once for its body; `abort` it to leave early."""

    def __init__(
        self,
        connection: Connection,
        status: int,
        headers: Iterable[Header],
        release: Callable[[Connection], None],
        limit_bytes: int,
    ) -> None:
        self.status = status
        self.headers = list(headers)
        self._connection: Connection | None = connection
        self._release = release
        self._limit = limit_bytes

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        connection = self._connection
        assert connection is not None
        try:
            while data := await connection.read():
                yield data
        finally:
            self._give_back()

    async def body(self) -> bytes:
        """Raises `UpstreamFault` when it is longer than anybody should hold in memory."""
        pieces: list[bytes] = []
        size = 0
        async with aclosing(aiter(self)) as body:
            async for piece in body:
                pieces.append(piece)
                size += len(piece)
                if size > self._limit:
                    raise UpstreamFault("malformed", answered=True)
        return b"".join(pieces)

    def abort(self) -> None:
        """Close the connection, unless it was given back: then it may serve somebody else."""
        if self._connection is not None:
            self._connection.close()
            self._give_back()

    def _give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._release(connection)
