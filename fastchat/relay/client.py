"""A small HTTP/1.1 client: kept-alive connections, and one coarse timer for all limits."""

import asyncio
import ssl
from collections import defaultdict, deque
from collections.abc import Iterable

from fastchat.core.upstream import Upstream
from fastchat.relay.connection import Connection, Header, Limits, Response, UpstreamFault

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
        self._limits = limits
        self._idle: dict[Upstream, deque[Connection]] = defaultdict(deque)
        self._busy: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLContext | None = None

    @property
    def silence_s(self) -> float:
        return self._limits.silence_s

    async def open(
        self,
        upstream: Upstream,
        path: bytes,
        *,
        method: bytes = b"POST",
        headers: Iterable[Header] = (),
        body: bytes = b"",
    ) -> Response:
        """Send a request and wait for the head of its answer. Raises `UpstreamFault`.

        A kept-alive connection may have died unnoticed: if no byte of an answer came, the request
        is sent once more, on a new connection.
        """
        request = _request_bytes(upstream, method, path, headers, body)
        connection = self._take(upstream)
        if connection is not None:
            try:
                return await self._exchange(upstream, connection, request)
            except UpstreamFault as fault:
                if fault.answered or fault.kind != "lost":
                    raise
        return await self._exchange(upstream, await self._connect(upstream), request)

    async def aclose(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in [*self._busy, *(c for idle in self._idle.values() for c in idle)]:
            connection.close()
        self._idle.clear()

    async def _exchange(
        self, upstream: Upstream, connection: Connection, request: bytes
    ) -> Response:
        self._busy.add(connection)
        self._start_timer()
        try:
            connection.send(request)
            status, headers = await connection.head()
        except BaseException:
            connection.close()
            self._busy.discard(connection)
            raise
        return Response(
            connection,
            status,
            headers,
            lambda used: self._put_back(upstream, used),
            self._limits.whole_bytes,
        )

    async def _connect(self, upstream: Upstream) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.connect_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._limits),
                    upstream.host,
                    upstream.port,
                    ssl=self._tls_context() if upstream.tls else None,
                )
        except (
            OSError,
            UnicodeError,
        ) as error:  # a refusal, an unknown host, a bad certificate, a time-out
            raise UpstreamFault("connect", answered=False) from error
        return connection

    def _take(self, upstream: Upstream) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - self._limits.keep_alive_s
        idle = self._idle.get(upstream)
        while idle:
            connection = idle.pop()
            if connection.is_open and connection.idle_since >= oldest:
                return connection
            connection.close()
        return None

    def _put_back(self, upstream: Upstream, connection: Connection) -> None:
        if connection not in self._busy:
            return
        self._busy.discard(connection)
        idle = self._idle[upstream]
        if not connection.is_reusable or len(idle) >= self._limits.idle_per_upstream:
            connection.close()
            return
        connection.idle_since = asyncio.get_running_loop().time()
        idle.append(connection)

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for connection in list(self._busy):
            if connection.deadline is not None and connection.deadline < now:
                connection.fail("silent")
        self._drop_old(now - self._limits.keep_alive_s)
        if self._busy or self._idle:
            self._start_timer()

    def _drop_old(self, oldest: float) -> None:
        for upstream, idle in list(self._idle.items()):
            while idle and (idle[0].idle_since < oldest or not idle[0].is_open):
                idle.popleft().close()
            if not idle:
                del self._idle[upstream]

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _request_bytes(
    upstream: Upstream, method: bytes, path: bytes, headers: Iterable[Header], body: bytes
) -> bytes:
    lines = [
        method + b" " + upstream.prefix.encode() + path + b" HTTP/1.1",
        b"host: " + _authority(upstream),
        b"content-length: " + str(len(body)).encode(),
    ]
    lines += [name + b": " + value for name, value in headers if name.lower() not in NOT_FORWARDED]
    lines += [name + b": " + value for name, value in upstream.headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _authority(upstream: Upstream) -> bytes:
    host = f"[{upstream.host}]" if ":" in upstream.host else upstream.host
    return f"{host}:{upstream.port}".encode()
