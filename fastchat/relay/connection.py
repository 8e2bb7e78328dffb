"""One connection to an upstream: HTTP/1.1, one exchange at a time, no task switch per chunk."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Literal, Protocol, cast

import httptools

from fastchat.relay.outbox import Gathering, Outbox
from fastchat.relay.vanishing import GONE_S, end_without
from fastchat.relay.work import Header

_FRAMING = (b"content-length", b"transfer-encoding")

FaultKind = Literal["connect", "lost", "silent", "malformed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Seconds and bytes. `silence_s` is the longest wait for the next byte of an answer; `gone_s`
    the longest in which not even the upstream's kernel says anything. `reopens` is for upstreams
    that close behind an answer: the next request finds a connection all the same."""

    connect_s: float = 5.0
    silence_s: float = 100.0
    gone_s: float = GONE_S
    keep_alive_s: float = 30.0
    idle_per_upstream: int = 256
    reopens: bool = False
    head_bytes: int = 64 * 1024
    # What the kernel holds of an answer that is not read on; it doubles the number.
    receive_buffer_bytes: int = 32 * 1024


@dataclass(slots=True)
class Shared:
    """What the connections of one relay have in common. `now` is the time of its timer's last look:
    the limits are not so sharp that the clock has to be read for each piece."""

    limits: Limits
    outbox: Outbox = field(default_factory=Outbox)
    open: "set[Connection]" = field(default_factory=set)
    now: float = 0.0


class UpstreamFault(Exception):
    """The upstream did not answer as it should. `answered` tells whether any byte came back: until
    then the request can be sent elsewhere."""

    def __init__(self, kind: FaultKind, *, answered: bool) -> None:
        super().__init__(kind)
        self.kind = kind
        self.answered = answered


class Receiver(Protocol):
    """Who hears an answer: its head, its body in pieces, its end; or a fault, which is the last."""

    def head(self, status: int, headers: list[Header]) -> None: ...

    def body(self, data: bytes) -> None: ...

    def end(self) -> None: ...

    def fault(self, fault: UpstreamFault) -> None: ...


class Exchange(Protocol):
    """What a connection is used for. It is `free` to be used again, unless it was closed, before
    its receiver hears the end."""

    def free(self, connection: "Connection") -> None: ...

    def fault(self, fault: UpstreamFault) -> None: ...


class Connection(asyncio.Protocol):
    """Parses answers for one exchange after another.

    What one read brings is told when all of it is parsed: an exchange that is aborted on the way
    never finds itself inside the parser, and the pieces of one read leave together.
    """

    def __init__(self, shared: Shared) -> None:
        self.deadline = inf  # when it fails, or is too old to be used: looked at by a timer
        self.is_open = False  # as far as is known: it may have died unnoticed
        self.when_left: Callable[[], None] | None = None  # by an upstream that answered before
        self._shared = shared
        self._limits = shared.limits
        self._transport: Gathering | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._exchange: Exchange | None = None
        self._receiver: Receiver | None = None
        self._paused = False
        self._keep_alive = True
        self._status = 0
        self._headers: list[Header] = []
        self._pieces: list[bytes] = []
        self._head_bytes = 0
        self._headers_done = False
        self._complete = False
        self._broken = False

    def ask(self, request: bytes, exchange: Exchange, receiver: Receiver) -> None:
        assert self._transport is not None
        self._headers = []
        self._pieces = []
        self._head_bytes = 0
        self._headers_done = self._complete = False
        self._exchange = exchange
        self._receiver = receiver
        self.deadline = self._shared.now + self._limits.silence_s
        self._transport.write(request)

    def pause(self) -> None:
        """Read no more for a while; meanwhile silence is no fault."""
        if not self._paused and self._transport is not None and self.is_open:
            self._paused = True
            self.deadline = inf
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused and self._transport is not None and self.is_open:
            self._paused = False
            self.deadline = self._shared.now + self._limits.silence_s
            self._transport.resume_reading()

    def close(self) -> None:
        """End the connection. An exchange that was under way hears nothing more."""
        self.is_open = False
        self._exchange = self._receiver = self.when_left = None
        self._shared.open.discard(self)
        if self._transport is not None:
            self._transport.abort()

    def fail(self, kind: FaultKind) -> None:
        """End the exchange, and the connection with it."""
        exchange = self._exchange
        self.close()
        if exchange is not None:
            exchange.fault(UpstreamFault(kind, answered=self._head_bytes > 0))

    def rest(self) -> None:
        """Nobody uses it now."""
        self.deadline = self._shared.now + self._limits.keep_alive_s

    # -- asyncio.Protocol --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's by behaviour only.
        self._transport = Gathering(cast(asyncio.Transport, transport), self._shared.outbox)
        self._shared.open.add(self)
        self.is_open = True
        tcp: socket.socket = transport.get_extra_info("socket")
        size = self._limits.receive_buffer_bytes
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        end_without(tcp, self._limits.gone_s)

    def data_received(self, data: bytes) -> None:
        receiver = self._receiver
        if receiver is None:  # nobody asked: whatever this is, it is no answer of ours
            self._keep_alive = False
            self.close()
            return
        told = self._headers_done
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._broken = True
        if not told:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes and self._head_is_too_long():
                self.fail("malformed")
                return
            if self._headers_done:
                receiver.head(self._status, self._headers)
        self._tell_body(receiver)

    def eof_received(self) -> None:
        self.is_open = False

    def connection_lost(self, exc: Exception | None) -> None:
        # An answer without a length ends with the connection; any other is cut short by it.
        if exc is None and self._receiver is not None and self._ends_with_connection():
            self._complete = True
            self._keep_alive = False
            self._tell_body(self._receiver)
        left = self.when_left if self._exchange is None else None
        self.fail("lost")
        if left is not None:
            left()

    # -- httptools --

    def on_message_begin(self) -> None:
        if self._complete:
            self._keep_alive = False  # a second answer to one request: nobody hears of it

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._complete:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._complete:
            return
        self._status = self._parser.get_status_code()
        if self._status > 599:
            raise ValueError("no server of ours could pass that on")
        self._headers_done = self._status >= 200

    def on_body(self, data: bytes) -> None:
        if not self._complete:
            self._pieces.append(data)

    def on_message_complete(self) -> None:
        if self._complete:
            return
        if not self._headers_done:  # an interim 1xx answer: the real one follows
            self._headers = []
            return
        self._keep_alive = self._parser.should_keep_alive()
        self._complete = True

    # -- inside --

    def _head_is_too_long(self) -> bool:
        """What was read last may be a part of the body."""
        read = sum(len(name) + len(value) for name, value in self._headers)
        return not self._headers_done or read > self._limits.head_bytes

    def _ends_with_connection(self) -> bool:
        framed = any(name in _FRAMING for name, _ in self._headers)
        return self._headers_done and not framed and self._status not in (204, 304)

    def _tell_body(self, receiver: Receiver) -> None:
        pieces = self._pieces
        if pieces and self._receiver is receiver:
            self._pieces = []
            receiver.body(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        exchange = self._exchange
        if exchange is None or self._receiver is not receiver:
            return  # aborted while it was told
        if self._complete:
            self._exchange = self._receiver = None
            if self._paused:
                self.resume()
            if self._keep_alive and not self._broken:
                self.rest()
                exchange.free(self)
            else:
                self.close()
            receiver.end()
        elif self._broken:
            self.fail("malformed")
        elif not self._paused:
            self.deadline = self._shared.now + self._limits.silence_s
