"""Completions: the client's bytes to a worker, the worker's bytes to the client.

No object is made of a request beyond two of its fields, and none of the answer. What to do next is
decided here, once, for both ways in (`relay.work`).
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from starlette.types import Receive, Scope, Send

from fastchat.core.errors import EngineFailed, PlatformError, ShuttingDown, WorkerTimeout
from fastchat.core.upstream import Upstream
from fastchat.dispatch import Table
from fastchat.gateway.admit import Gate
from fastchat.gateway.old_wire import OldCall, OldWire
from fastchat.protocol.cluster import Dispatched
from fastchat.protocol.codec import encode
from fastchat.protocol.error_body import ErrorBody, error_event, error_headers
from fastchat.relay import Relay, UpstreamFault
from fastchat.relay.asgi import answer
from fastchat.relay.client import Call, Target
from fastchat.relay.edge import REQUEST_ID
from fastchat.relay.work import Client, Header

logger = logging.getLogger("openai_api_server")

# A request that killed its worker may kill the next: it gets one more, not all.
MOST_LOST = 1
WHOLE_BYTES = 64 * 1024 * 1024

# Sent on to a worker; all else concerns the client and us, its key above all.
_TO_WORKER = (b"accept", b"content-type", b"user-agent")
# Sent back to the client; the rest describes one connection.
_TO_CLIENT = frozenset([b"cache-control", b"content-type", b"retry-after", b"x-accel-buffering"])


def _shuts_us_out(status: int) -> bool:
    """What concerns the token between us and the worker is no answer to the client."""
    return status in (401, 403) or 300 <= status < 400


@dataclass(frozen=True, slots=True)
class Forwarder:
    """`report` hears of every dispatch. `token` opens the workers."""

    gate: Gate
    table: Table
    relay: Relay
    old_wire: OldWire
    report: Callable[[Dispatched], None]
    new_id: Callable[[], str]
    timeout_s: float
    token: str | None
    _targets: dict[str, Target] = field(default_factory=dict)

    def to(self, path: bytes) -> "Endpoint":
        return Endpoint(self, path, self.gate.max_body_bytes)

    def target(self, address: str) -> Target:
        target = self._targets.get(address)
        if target is None:
            upstream = Upstream.from_url(address)
            if self.token is not None:
                bearer = (b"authorization", f"Bearer {self.token}".encode())
                upstream = replace(upstream, headers=(bearer,))
            target = self._targets[address] = self.relay.to(upstream)
        return target


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of the workers: below ASGI and as an application of it."""

    forwarder: Forwarder
    path: bytes
    limit_bytes: int

    def open(self, headers: Mapping[bytes, bytes], client: Client) -> "Forwarding":
        return Forwarding(self, headers, client)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(self, scope, receive, send)


class Forwarding:
    """One request: one worker after another is asked until something was sent to the client; then
    exactly one end. Plain answers are sent on whole, so that one that was cut can be asked for
    elsewhere; streams piece by piece."""

    __slots__ = (
        "_call",
        "_client",
        "_ended",
        "_endpoint",
        "_forwarder",
        "_head",
        "_headers",
        "_hold",
        "_lost",
        "_model",
        "_pieces",
        "_request",
        "_size",
        "_started",
        "_status",
        "_stream",
        "_tried",
        "id",
    )

    def __init__(self, endpoint: Endpoint, headers: Mapping[bytes, bytes], client: Client) -> None:
        self._endpoint = endpoint
        self._forwarder = endpoint.forwarder
        self._headers = headers
        self._client = client
        self._call: Call | OldCall | None = None
        self._hold: AbstractContextManager[None] | None = None
        self._tried: list[str] = []
        self._lost = 0
        self._started = False
        self._ended = False
        self.id = _request_id(headers) or self._forwarder.new_id()

    # -- Work --

    def admit(self) -> bool:
        try:
            self._forwarder.gate.admit_head(self._headers)
        except PlatformError as error:
            self.refuse(error)
            return False
        return True

    def ask(self, body: bytes) -> None:
        try:
            decision = self._forwarder.gate.admit_body(body)
            self._model = decision.model
            self._stream = bool(decision.stream)
            self._request = body
            self._try()
        except PlatformError as error:
            self.refuse(error)

    def refuse(self, error: PlatformError) -> None:
        headers = [(n.encode(), v.encode()) for n, v in error_headers(error).items()]
        headers.append((b"x-request-id", self.id.encode()))
        self._end()
        self._client.whole(error.status, headers, encode(ErrorBody.of(error)))

    def pause(self) -> None:
        if self._call is not None and self._started:
            self._call.pause()

    def resume(self) -> None:
        if self._call is not None:
            self._call.resume()

    def leave(self) -> None:
        self._end()

    def cut(self) -> None:
        if self._ended:
            return
        if self._started:
            self._say_last(ShuttingDown())
        else:
            self.refuse(ShuttingDown())

    # -- relay.connection.Receiver --

    def head(self, status: int, headers: list[Header]) -> None:
        shut_out = _shuts_us_out(status)
        if shut_out:
            logger.error(
                "worker %s answered %d: it wants another cluster token (FASTCHAT_CLUSTER_TOKEN)",
                self._tried[-1],
                status,
            )
        if (status == 503 or shut_out) and self._has_other():
            self._let_go()  # full, or about to end: nothing was begun there
            self._try_again()
            return
        if shut_out:
            self.refuse(EngineFailed("The worker does not let this API server in."))
            return
        self._status = status
        self._head = [header for header in headers if header[0] in _TO_CLIENT]
        self._head.append((b"x-request-id", self.id.encode()))
        self._pieces: list[bytes] = []
        self._size = 0
        if self._stream and status == 200:
            self._started = True
            self._client.start(status, self._head)

    def body(self, data: bytes) -> None:
        if self._started:
            self._client.piece(data)
            return
        self._pieces.append(data)
        self._size += len(data)
        if self._size > WHOLE_BYTES:
            self.fault(UpstreamFault("malformed", answered=True))

    def end(self) -> None:
        self._end()
        if self._started:
            self._client.end()
        else:
            self._client.whole(self._status, self._head, b"".join(self._pieces))

    def fault(self, fault: UpstreamFault) -> None:
        self._let_go()
        logger.warning("request %s: worker %s: %s", self.id, self._tried[-1], fault)
        if self._started:
            self._say_last(self._reason(fault))
        elif fault.kind == "silent":
            self.refuse(self._reason(fault))
        else:
            self._lost += fault.kind != "connect"
            if self._lost > MOST_LOST:
                self.refuse(EngineFailed("Two workers broke off their answers."))
            else:
                self._try_again()

    # -- inside --

    def _try_again(self) -> None:
        try:
            self._try()
        except PlatformError as error:
            self.refuse(error)

    def _try(self) -> None:
        forwarder = self._forwarder
        lease = forwarder.table.choose(self._model, excluding=self._tried)
        forwarder.report(lease.dispatched)
        address = lease.worker.address
        self._tried.append(address)
        self._hold = forwarder.table.hold(lease)
        self._hold.__enter__()
        path, body = self._endpoint.path, self._request
        if lease.worker.dialects:
            self._call = forwarder.target(address).ask(
                self, path, headers=self._to_worker(), body=body
            )
        else:
            self._call = forwarder.old_wire.ask(
                self, path, lease.worker, model=self._model, id=self.id, body=body
            )

    def _to_worker(self) -> Sequence[Header]:
        headers = [(name, self._headers[name]) for name in _TO_WORKER if name in self._headers]
        headers.append((b"x-request-id", self.id.encode()))
        return headers

    def _has_other(self) -> bool:
        return self._forwarder.table.serves(self._model, excluding=self._tried)

    def _say_last(self, error: PlatformError) -> None:
        """The explicit end of a stream that was broken off. It may have stopped in the middle of an
        event: the blank line ends that one."""
        self._end()
        self._client.piece(b"\n\n" + error_event(error))
        self._client.end()

    def _reason(self, fault: UpstreamFault) -> PlatformError:
        if fault.kind == "silent":
            return WorkerTimeout(self._forwarder.timeout_s)
        return EngineFailed("The worker died while it answered.")

    def _end(self) -> None:
        self._ended = True
        self._let_go()

    def _let_go(self) -> None:
        """Of the worker: it is asked no longer, and no longer counted as busy with this."""
        call, self._call = self._call, None
        if call is not None:
            call.abort()
        hold, self._hold = self._hold, None
        if hold is not None:
            hold.__exit__(None, None, None)


def _request_id(headers: Mapping[bytes, bytes]) -> str | None:
    """What the caller gave, if it is fit for logs and headers."""
    given = headers.get(b"x-request-id")
    if given is None:
        return None
    text = given.decode("latin-1")
    return text if REQUEST_ID.fullmatch(text) else None
