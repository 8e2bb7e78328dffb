"""Completions: the client's bytes to a worker, the worker's bytes to the client.

No object is made of a request beyond three of its fields, and none of the answer. What to do next
is decided here, once, for both ways in (`relay.work`).
"""

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from starlette.types import Receive, Scope, Send

from fastchat.core.errors import (
    EngineFailed,
    NoWorker,
    PlatformError,
    ShuttingDown,
    WorkerTimeout,
)
from fastchat.core.upstream import Upstream
from fastchat.dispatch import Lease, Outcome, Table
from fastchat.gateway.admit import Gate
from fastchat.gateway.old_wire import OldCall, OldWire
from fastchat.gateway.passage import Account, Passage
from fastchat.protocol.cluster import Dispatched
from fastchat.protocol.codec import encode
from fastchat.protocol.counts import HEADER, Sieve, read
from fastchat.protocol.error_body import ErrorBody, error_event, error_headers
from fastchat.protocol.openai.requests import renamed
from fastchat.relay import Relay, UpstreamFault
from fastchat.relay.asgi import answer
from fastchat.relay.client import Call, Target
from fastchat.relay.edge import REQUEST_ID
from fastchat.relay.work import Client, Header

logger = logging.getLogger("openai_api_server")

# A request that killed its worker may kill the next: it gets one more, not all.
MOST_LOST = 1
WHOLE_BYTES = 64 * 1024 * 1024
# How a worker says that a prompt does not fit.
TOO_LONG = b"context_length_exceeded"
# Requests of one session go to one worker, under a policy that knows sessions.
SESSION = b"x-session-id"
_OUTCOMES: Mapping[str, Outcome] = {"connect": "unreachable", "silent": "silent"}

# Sent on to a worker; all else concerns the client and us, its key above all.
_ASK_COUNTS = (HEADER.encode(), b"1")
_TO_WORKER = (b"accept", b"content-type", b"user-agent")
# Sent back to the client; the rest describes one connection.
_TO_CLIENT = frozenset([b"cache-control", b"content-type", b"retry-after", b"x-accel-buffering"])


def _shuts_us_out(status: int) -> bool:
    """What concerns the token between us and the worker is no answer to the client."""
    return status in (401, 403) or 300 <= status < 400


def _is_json(headers: list[Header]) -> bool:
    """Errors of ours are; another comes from a server that broke."""
    return any(n == b"content-type" and v.startswith(b"application/json") for n, v in headers)


@dataclass(frozen=True, slots=True)
class Forwarder:
    """`report` hears of every dispatch, `account` of the end of every request that named a model.
    `token` opens the workers."""

    gate: Gate
    table: Table
    relay: Relay
    old_wire: OldWire
    report: Callable[[Dispatched], None]
    new_id: Callable[[], str]
    timeout_s: float
    token: str | None
    account: Account | None
    clock: Callable[[], float]
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
        "_at_worker",
        "_began",
        "_call",
        "_client",
        "_counts",
        "_decision",
        "_ended",
        "_endpoint",
        "_first_byte_s",
        "_forwarder",
        "_head",
        "_headers",
        "_hold",
        "_lease",
        "_longer",
        "_lost",
        "_model",
        "_pieces",
        "_question",
        "_request",
        "_sieve",
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
        self._longer: list[str] | None = None
        self._lost = 0
        self._started = False
        self._ended = False
        self._model = ""
        self._status = 499
        self._first_byte_s: float | None = None
        self._at_worker = b""
        self._counts: bytes | None = None
        self._sieve: Sieve | None = None
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
        self._began = self._forwarder.clock()
        try:
            self._decision = self._forwarder.gate.admit_body(body)
            self._model = self._decision.model
            self._stream = bool(self._decision.stream)
            self._request = body
            self._question = self._forwarder.table.question(session=self._session(), body=body)
            self._try()
        except PlatformError as error:
            self.refuse(error)

    def refuse(self, error: PlatformError) -> None:
        headers = [(n.encode(), v.encode()) for n, v in error_headers(error).items()]
        headers.append((b"x-request-id", self.id.encode()))
        self._status = error.status
        self._end()
        self._client.whole(error.status, headers, encode(ErrorBody.of(error)))

    def pause(self) -> None:
        if self._call is not None and self._started:
            self._call.pause()

    def resume(self) -> None:
        if self._call is not None:
            self._call.resume()

    def leave(self) -> None:
        if not self._ended:
            self._status = 499
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
        self._report_head(status)
        may_pass = status == 503 or shut_out
        if may_pass and self._has_other() and self._forwarder.table.may_retry():
            self._let_go()  # full, or about to end: nothing was begun there
            self._try_again()
            return
        if shut_out:
            self.refuse(EngineFailed("The worker does not let this API server in."))
            return
        if status >= 500 and status != 503 and not _is_json(headers):
            self.fault(UpstreamFault("malformed", answered=True))
            return
        self._status = status
        self._first_byte_s = self._forwarder.clock() - self._began
        self._head = [header for header in headers if header[0] in _TO_CLIENT]
        self._take_notes(headers)
        self._head += ((b"x-request-id", self.id.encode()), (b"server-timing", self._timing()))
        self._pieces: list[bytes] = []
        self._size = 0
        if self._stream and status == 200:
            self._started = True
            self._sieve = Sieve()
            self._client.start(status, self._head)

    def body(self, data: bytes) -> None:
        if self._sieve is not None:
            passed = self._sieve.passed(data)
            if passed:
                self._client.piece(passed)
            return
        self._pieces.append(data)
        self._size += len(data)
        if self._size > WHOLE_BYTES:
            self.fault(UpstreamFault("malformed", answered=True))

    def end(self) -> None:
        if self._status == 200:
            self._report("ok")
        elif self._asks_longer():
            return
        self._end()
        if self._sieve is not None:
            if rest := self._sieve.rest():
                self._client.piece(rest)
            self._client.end()
        else:
            self._client.whole(self._status, self._head, b"".join(self._pieces))

    def fault(self, fault: UpstreamFault) -> None:
        self._report(_OUTCOMES.get(fault.kind, "failed"))
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
        if not self._forwarder.table.may_retry():
            self.refuse(NoWorker(self._model))
            return
        try:
            self._try()
        except PlatformError as error:
            self.refuse(error)

    def _try(self) -> None:
        forwarder = self._forwarder
        lease = forwarder.table.choose(self._model, excluding=self._tried, question=self._question)
        forwarder.report(lease.dispatched)
        address = lease.worker.address
        self._lease = lease
        self._hold = forwarder.table.hold(lease, retry=bool(self._tried))
        self._hold.__enter__()
        self._tried.append(address)
        path, body = self._endpoint.path, self._body_for(lease)
        if lease.worker.dialects:
            self._call = forwarder.target(address).ask(
                self, path, headers=self._to_worker(), body=body
            )
        else:
            self._call = forwarder.old_wire.ask(
                self, path, lease.worker, model=lease.model, id=self.id, body=body
            )

    def _body_for(self, lease: Lease) -> bytes:
        """The client's own bytes, unless it named a model by an alias or gets another."""
        if lease.model == self._decision.model:
            return self._request
        return renamed(self._request, lease.model)

    def _asks_longer(self) -> bool:
        """Ask a model that holds more, when this one's context is too short and there is one."""
        if self._status != 400 or TOO_LONG not in b"".join(self._pieces):
            return False
        table = self._forwarder.table
        if self._longer is None:
            self._longer = list(table.routes.longer(self._lease.model, self._decision.model))
        while self._longer:
            self._let_go()
            self._model, self._tried = self._longer.pop(0), []
            with contextlib.suppress(PlatformError):
                self._try()
                return True
        return False

    def _report_head(self, status: int) -> None:
        if status == 503:
            self._report("full")
        else:
            failed = status >= 500 or _shuts_us_out(status)
            self._report("failed" if failed else "began")

    def _report(self, outcome: Outcome) -> None:
        self._forwarder.table.report(self._lease, outcome)

    def _session(self) -> str | None:
        named = self._headers.get(SESSION)
        return self._decision.user if named is None else named.decode("latin-1")

    def _to_worker(self) -> Sequence[Header]:
        headers = [(name, self._headers[name]) for name in _TO_WORKER if name in self._headers]
        headers += ((b"x-request-id", self.id.encode()), _ASK_COUNTS)
        return headers

    def _take_notes(self, headers: list[Header]) -> None:
        """What the worker says to us, and not to the client."""
        for name, value in headers:
            if name == b"server-timing":
                self._at_worker = value
            elif name == _ASK_COUNTS[0]:
                self._counts = value

    def _timing(self) -> bytes:
        """Where the time went until now: in the worker by its own account, and in all."""
        ours = b"gateway;dur=%.1f, tries;desc=%d" % (
            (self._first_byte_s or 0.0) * 1e3,
            len(self._tried),
        )
        return self._at_worker + b", " + ours if self._at_worker else ours

    def _has_other(self) -> bool:
        return self._forwarder.table.serves(self._model, excluding=self._tried)

    def _say_last(self, error: PlatformError) -> None:
        """The explicit end of a stream that was broken off. It may have stopped in the middle of an
        event: the blank line ends that one."""
        self._status = error.status
        self._end()
        self._client.piece(b"\n\n" + error_event(error))
        self._client.end()

    def _reason(self, fault: UpstreamFault) -> PlatformError:
        if fault.kind == "silent":
            return WorkerTimeout(self._forwarder.timeout_s)
        return EngineFailed("The worker died while it answered.")

    def _end(self) -> None:
        """Tell of it once, whatever follows."""
        self._let_go()
        if self._ended:
            return
        self._ended = True
        account = self._forwarder.account
        if account is not None and self._model:
            account(self._passage())

    def _passage(self) -> Passage:
        counts = read(self._counts) if self._counts is not None else None
        if self._sieve is not None:
            counts = self._sieve.counts
        return Passage(
            id=self.id,
            path=self._endpoint.path.decode(),
            model=self._model,
            status=self._status,
            worker=self._tried[-1] if self._tried else "",
            tries=len(self._tried),
            first_byte_s=self._first_byte_s,
            total_s=self._forwarder.clock() - self._began,
            at_worker=self._at_worker.decode("latin-1"),
            counts=counts,
        )

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
