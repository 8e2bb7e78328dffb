"""The client's side of every server of ours: uvicorn's HTTP/1.1, and bounds on what a peer may do.

A peer may send heads without end, or nothing, or a byte a second; it may ask and never read. All
that is bounded here, below ASGI, where no application can forget it.
"""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

import httptools
from uvicorn._types import (
    ASGI3Application,
)
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from fastchat.core.errors import HeadTooLarge, InvalidRequest, PlatformError, TooSlow
from fastchat.protocol.codec import encode
from fastchat.protocol.error_body import ErrorBody, error_headers
from fastchat.relay.edge import LINGER_BYTES, LINGER_S
from fastchat.relay.exchange import Exchange
from fastchat.relay.heads import KnownHead
from fastchat.relay.lines import as_lines
from fastchat.relay.outbox import Gathering, Outbox
from fastchat.relay.unchunked import unchunked
from fastchat.relay.vanishing import GONE_S, end_without
from fastchat.relay.work import Endpoint, Head

# A client whose heads differ more often than so has none that is worth knowing.
MOST_HEADS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What a client may do, looked at every `check_s`. A request has `read_s` seconds to come, and
    one more for each `read_bytes_per_s`. A client that takes nothing for `unread_s` is let go, and
    one that is not heard of for `gone_s`, even by the kernel."""

    head_bytes: int = 64 * 1024
    headers: int = 100
    check_s: float = 1.0
    read_s: float = 8.0
    read_bytes_per_s: int = 16 * 1024
    unread_s: float = 20.0
    gone_s: float = GONE_S
    # What waits for a client in this process and in the kernel: an answer must not run far ahead of
    # somebody who does not read it. The kernel doubles its number, for its own book-keeping.
    unread_bytes: int = 16 * 1024
    send_buffer_bytes: int = 32 * 1024


class EdgeProtocol(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        bounds: Bounds,
        endpoints: Mapping[bytes, Endpoint],
        outbox: Outbox,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._bounds = bounds
        self._endpoints = endpoints
        self._outbox = outbox
        # The exchange whose turn it is; `cycle` is the one whose request came last.
        self._exchange: Exchange | None = None
        # The head that is expected again, and how many others may still take its place.
        self._known: KnownHead | None = None
        self._to_learn = MOST_HEADS
        # Which part of a request is awaited, since when, and how much of the request has come.
        self._awaited: Literal["first", "head", "body", "next"] = "first"
        self._since = self.loop.time()
        self._received = 0
        self._fault: PlatformError | None = None
        self._closing_at: float | None = None
        # uvicorn's headers of every answer, which it makes anew each second, and their lines.
        self._default_headers: list[tuple[bytes, bytes]] = []
        self._default_lines = b""
        # Set by `check`: what waited for the client, and since when none of it was taken.
        self._unread = 0
        self._untaken_since = self._since

    # -- asyncio.Protocol --

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        gathering = Gathering(transport, self._outbox)
        super().connection_made(cast(asyncio.Transport, gathering))
        if self.server is not None and self.server[1] != self.config.port:
            self._endpoints = {}  # a second port: the application knows what it is for
        transport.set_write_buffer_limits(high=self._bounds.unread_bytes)
        tcp: socket.socket = transport.get_extra_info("socket")
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._bounds.send_buffer_bytes)
        end_without(tcp, self._bounds.gone_s)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._closing_at is not None:
            if self._received > LINGER_BYTES:
                self.transport.abort()
            return
        if self._known is not None and self._awaited == "next" and self.cycle.response_complete:
            request = self._known.read(data)
            if request is not None:
                head, body = request
                self._begin_again(self._known.endpoint, head, body)
                return
        begins = self._awaited == "next" or self._awaited == "first"
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(self._fault or InvalidRequest("This is not HTTP/1.1."))
        else:
            if self._awaited == "head" and self._received > self._bounds.head_bytes:
                self._refuse(self._head_too_large())
            elif begins and self._awaited == "next" and self._to_learn:
                self._learn(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._exchange is not None:
            self._exchange.pause()

    def resume_writing(self) -> None:
        self._untaken_since = self.loop.time()
        super().resume_writing()
        if self._exchange is not None:
            self._exchange.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        exchange, self._exchange = self._exchange, None
        super().connection_lost(exc)
        if exchange is not None:
            exchange.leave()

    # -- httptools --

    def on_message_begin(self) -> None:
        # What an application needs is made when it is clear that one is asked.
        self.url = b""
        self.headers = []
        self._since = self.loop.time()
        self._awaited = "head"

    def on_url(self, url: bytes) -> None:
        self.url = self.url + url  # mypyc 2.4 takes no += for what is inherited

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # the same head comes again, without that wish
        bounds = self._bounds
        if len(self.headers) > bounds.headers or self._received > bounds.head_bytes:
            self._check_head()
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise ValueError("another HTTP")
        self._awaited = "body"
        endpoint = self._endpoints.get(self.url)
        if endpoint is None or self.parser.get_method() != b"POST":
            self._begin_cycle()
            return
        headers = Head(self.headers)
        if b"origin" in headers:  # a browser: the application knows where it may come from
            self._begin_cycle()
        else:
            self._begin_exchange(endpoint, headers, is_1_1=version == "1.1")

    def on_body(self, body: bytes) -> None:
        cycle: object = self.cycle
        if isinstance(cycle, Exchange):
            cycle.receive(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._awaited = "next"
        self._received = 0
        cycle: object = self.cycle
        if isinstance(cycle, Exchange):
            cycle.complete()
        else:
            super().on_message_complete()

    # -- turns --

    def _begin_cycle(self) -> None:
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()

    def _begin_exchange(self, endpoint: Endpoint, head: Head, *, is_1_1: bool) -> None:
        keep_alive = is_1_1 and self.parser.should_keep_alive()
        exchange = Exchange(self, endpoint, head, can_chunk=is_1_1, keep_alive=keep_alive)
        before: RequestResponseCycle | None = self.cycle
        self.cycle = cast(RequestResponseCycle, exchange)
        if before is None or before.response_complete:
            self._exchange = exchange
            exchange.begin()
        else:  # it came before the answer to the one in front of it: its turn comes
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _begin_again(self, endpoint: Endpoint, head: Head, body: bytes) -> None:
        self._received = 0
        exchange = Exchange(self, endpoint, head, can_chunk=True, keep_alive=True)
        self.cycle = cast(RequestResponseCycle, exchange)
        self._exchange = exchange
        exchange.ask_whole(body)

    def _learn(self, request: bytes) -> None:
        exchange: object = self.cycle
        if isinstance(exchange, Exchange) and exchange.can_chunk and exchange.keep_alive:
            self._to_learn -= 1
            self._known = KnownHead.learned(request, exchange.endpoint, exchange.head)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        exchange: object = cycle
        if isinstance(exchange, Exchange):
            if not self.transport.is_closing():
                self._exchange = exchange
                exchange.begin()
        else:
            if cycle.scope["http_version"] == "1.0":
                app = partial(unchunked, app, cycle)
            super()._start_asgi_task(cycle, app)

    def default_lines(self) -> bytes:
        """What every answer's head begins with."""
        headers = self.server_state.default_headers
        if headers is not self._default_headers:
            self._default_headers, self._default_lines = headers, as_lines(headers)
        return self._default_lines

    def flush(self) -> None:
        self._outbox.flush(cast(Gathering, self.transport))

    def finish(self, exchange: Exchange) -> None:
        """Its answer is written."""
        self._exchange = None
        if exchange.keep_alive:
            self.on_response_complete()
        elif exchange.more_body:
            self._linger()
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        """As uvicorn's, but for the timer: `check` looks after idle connections."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self._awaited == "next":
            self._since = self.loop.time()
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:  # soon, and not now: a row of refusals must not pile up on the stack
            self.loop.call_soon(self._start_asgi_task, *self.pipeline.pop())

    def cut(self) -> None:
        """A drain is over: what is answered below ASGI says its last words."""
        if self._exchange is not None:
            self._exchange.cut()

    # -- bounds --

    def check(self, now: float) -> None:
        """Let go of a client that is too slow to ask or to read."""
        if self._closing_at is not None:
            if now >= self._closing_at:
                self.transport.abort()
        elif self._leaves_unread(now):
            self.logger.warning("%s does not read its answer: closed", self.client)
            self.transport.abort()
        elif self.flow.read_paused:
            self._since = now  # it is we who do not read
        elif self._awaited == "next":
            self._end_if_idle(now)
        elif (
            now - self._since > self._bounds.read_s + self._received / self._bounds.read_bytes_per_s
        ):
            self._end_slow_request()

    def _end_slow_request(self) -> None:
        if self._awaited == "first":
            self.transport.close()
        else:
            self._refuse(TooSlow())

    def _end_if_idle(self, now: float) -> None:
        if self.cycle.response_complete and now - self._since > self.timeout_keep_alive:
            self.transport.close()

    def _leaves_unread(self, now: float) -> bool:
        before, self._unread = self._unread, self.transport.get_write_buffer_size()
        if self._unread == 0 or self._unread < before:
            self._untaken_since = now
        return now - self._untaken_since > self._bounds.unread_s

    def _check_head(self) -> None:
        # What raises in a callback of the parser ends the parsing; `data_received` takes it up.
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if len(self.headers) > self._bounds.headers or size > self._bounds.head_bytes:
            self._fault = self._head_too_large()
            raise self._fault

    def _head_too_large(self) -> PlatformError:
        return HeadTooLarge(self._bounds.head_bytes, self._bounds.headers)

    def _decline_upgrade(self, rest: bytes) -> None:
        """Go on in HTTP/1.1, as is our right. The parser takes what follows the head for another
        protocol, so it is given the head again without the wish. (Java's client wishes for h2c with
        the first request of each connection.)"""
        if self.parser.get_method() == b"CONNECT":  # with or without that wish, it is one
            self._refuse(InvalidRequest("This server is no proxy: it knows no CONNECT."))
            return
        version = b" HTTP/" + self.parser.get_http_version().encode()
        lines = [self.parser.get_method() + b" " + self.url + version]
        lines += [
            name + b": " + value
            for name, value in self.headers
            if name not in (b"connection", b"upgrade", b"http2-settings")
        ]
        if not self.parser.should_keep_alive():
            lines.append(b"connection: close")
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    def _refuse(self, error: PlatformError) -> None:
        """Answer what cannot be understood, and hear no more."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if self._awaited == "head" and cycle is not None and not cycle.response_complete:
            # It came behind a request that is being answered: that answer is the last.
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if cycle is not None and self._awaited == "body":
            cycle.disconnected = True  # whoever waits for the body
            cycle.message_event.set()
            if self._exchange is not None:
                self._exchange.leave()
                self._exchange = None
            if cycle.response_started or self.pipeline:
                self.transport.close()
                return
        self.transport.write(_rendered(error))
        self._linger()

    def _linger(self) -> None:
        """Say that the last is said, and wait a little for the client to have heard it."""
        self._closing_at = self.loop.time() + LINGER_S
        self._received = 0
        if self.transport.can_write_eof():
            self.transport.write_eof()


def _rendered(error: PlatformError) -> bytes:
    body = encode(ErrorBody.of(error))
    headers = error_headers(error) | {"content-length": str(len(body)), "connection": "close"}
    lines = [f"{name}: {value}\r\n".encode() for name, value in headers.items()]
    return b"".join([STATUS_LINE[error.status], *lines, b"\r\n", body])
