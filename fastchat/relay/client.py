"""A small HTTP/1.1 client: kept-alive connections, and one coarse timer for all limits."""

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable

from fastchat.core.upstream import Upstream
from fastchat.relay.connection import Connection, Limits, Receiver, Shared, UpstreamFault
from fastchat.relay.work import Header

TICK_S = 0.5

# Headers that belong to one connection, and those that we write ourselves.
NOT_FORWARDED = frozenset(
    [
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    ]
)


class Relay:
    """Sends requests to upstreams. Belongs to one event loop; close it with `aclose`."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._targets: dict[Upstream, Target] = {}
        self._last: Target | None = None
        self._shared = Shared(limits)
        self._timer: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLContext | None = None

    def to(self, upstream: Upstream) -> "Target":
        last = self._last
        if last is not None and last.upstream is upstream:  # cheaper than to look it up
            return last
        target = self._targets.get(upstream)
        if target is None:
            target = self._targets[upstream] = Target(self, upstream)
        self._last = target
        return target

    def anew(self, upstream: Upstream) -> "Target":
        """As `to`, with no connection from before: somebody else listens there now."""
        before = self._targets.pop(upstream, None)
        if before is not None:
            before.close_idle()
        self._last = None
        return self.to(upstream)

    async def aclose(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for target in self._targets.values():
            target.close_idle()
        for connection in list(self._shared.open):
            connection.fail("lost")

    async def connect(self, upstream: Upstream) -> Connection:
        """Raises `UpstreamFault`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.limits.connect_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._shared),
                    upstream.host,
                    upstream.port,
                    ssl=self._tls_context() if upstream.tls else None,
                )
        # A refusal, an unknown host, a bad certificate, a time-out.
        except (OSError, UnicodeError) as error:
            raise UpstreamFault("connect", answered=False) from error
        if self._timer is None:
            self._shared.now = loop.time()
            self._timer = loop.call_later(TICK_S, self._tick)
        return connection

    def _tick(self) -> None:
        """Deadlines were set by the time of a look, so they are judged by that of the look before
        this one: none is over too early."""
        self._timer = None
        loop = asyncio.get_running_loop()
        shared = self._shared
        for connection in list(shared.open):
            if connection.deadline < shared.now:  # one that fails may have others asked
                connection.fail("silent")  # or merely old, when nobody waits for it
        shared.now = loop.time()
        if shared.open:
            self._timer = loop.call_later(TICK_S, self._tick)

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


class Target:
    """One upstream, with the connections to it that nobody uses now."""

    def __init__(self, relay: Relay, upstream: Upstream) -> None:
        self.upstream = upstream
        self._relay = relay
        self._most_idle = relay.limits.idle_per_upstream
        self._idle: deque[Connection] = deque()
        self._reopening: asyncio.Task[None] | None = None
        self._heads: dict[bytes, bytes] = {}

    def ask(
        self,
        receiver: Receiver,
        path: bytes,
        *,
        headers: Iterable[Header] = (),
        body: bytes = b"",
    ) -> "Call":
        """Send a POST; header names are in lower case. The receiver hears nothing before this
        returns."""
        lines = [
            b"%b: %b\r\n" % (name, value) for name, value in headers if name not in NOT_FORWARDED
        ]
        return self.post(receiver, path, b"".join(lines), body)

    def post(self, receiver: Receiver, path: bytes, lines: bytes, body: bytes) -> "Call":
        """As `ask`, with headers that are written already, a line each."""
        head = self._heads.get(path) or self._head(path)
        length = b"content-length: %d\r\n\r\n" % len(body)
        request = b"".join((head, lines, length, body))
        connection = self._take()
        call = Call(self, receiver, request, connection)
        if connection is None:
            call.connect()
        else:
            connection.ask(request, call, receiver)
        return call

    def _take(self) -> Connection | None:
        """The one used last, so that those beyond need grow old."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    def put_back(self, connection: Connection) -> None:
        if len(self._idle) >= self._most_idle:
            self._idle = deque(one for one in self._idle if one.is_open)
            if len(self._idle) >= self._most_idle:
                connection.close()
                return
        self._idle.append(connection)
        if self._relay.limits.reopens:
            connection.when_left = self._reopen

    def close_idle(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
        while self._idle:
            self._idle.pop().close()

    async def connect(self) -> Connection:
        """Raises `UpstreamFault`."""
        return await self._relay.connect(self.upstream)

    def _reopen(self) -> None:
        """One at most: each may keep a thread of the upstream waiting."""
        self._idle = deque(one for one in self._idle if one.is_open)
        if self._reopening is None and not self._idle:
            self._reopening = asyncio.get_running_loop().create_task(self._opened_ahead())

    async def _opened_ahead(self) -> None:
        try:
            connection = await self.connect()
        except UpstreamFault:
            return  # who asks next hears of it
        finally:
            self._reopening = None
        connection.rest()
        self._idle.append(connection)

    def _head(self, path: bytes) -> bytes:
        upstream = self.upstream
        host = f"[{upstream.host}]" if ":" in upstream.host else upstream.host
        lines = [
            b"POST " + upstream.prefix.encode() + path + b" HTTP/1.1",
            f"host: {host}:{upstream.port}".encode(),
            *(name + b": " + value for name, value in upstream.headers),
        ]
        head = self._heads[path] = b"\r\n".join(lines) + b"\r\n"
        return head


class Call:
    """One request until its answer has ended; `abort` it to leave early.

    A kept-alive connection may have died unnoticed: if no byte of an answer came, the request is
    sent once more, on a new connection.
    """

    __slots__ = ("_connecting", "_connection", "_is_reused", "_receiver", "_request", "_target")

    def __init__(
        self, target: Target, receiver: Receiver, request: bytes, reused: Connection | None
    ) -> None:
        self._target = target
        self._receiver = receiver
        self._request = request
        self._connection = reused
        self._connecting: asyncio.Task[None] | None = None
        self._is_reused = reused is not None

    def connect(self) -> None:
        """Send it on a new connection."""
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    def abort(self) -> None:
        """Whoever asked hears nothing more."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def pause(self) -> None:
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        if self._connection is not None:
            self._connection.resume()

    # -- told by the connection --

    def free(self, connection: Connection) -> None:
        self._connection = None
        self._target.put_back(connection)

    def fault(self, fault: UpstreamFault) -> None:
        self._connection = None
        if self._is_reused and fault.kind == "lost" and not fault.answered:
            self._is_reused = False
            self.connect()
            return
        self._receiver.fault(fault)

    # -- inside --

    async def _connect(self) -> None:
        try:
            connection = await self._target.connect()
        except UpstreamFault as fault:
            self._connecting = None
            self.fault(fault)
            return
        self._connecting = None
        self._connection = connection
        connection.ask(self._request, self, self._receiver)
