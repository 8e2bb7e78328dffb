"""Completions: the client's bytes to a worker, the worker's bytes to the client.

An ASGI application and no more: no object is made of the request beyond two of its fields, and none
of the answer.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send

from fastchat.core.errors import (
    BodyTooLarge,
    EngineFailed,
    PlatformError,
    ShuttingDown,
    WorkerTimeout,
)
from fastchat.core.upstream import Upstream
from fastchat.dispatch import Lease, Table
from fastchat.gateway.admit import Decision, Gate, Header
from fastchat.protocol.cluster import Dispatched
from fastchat.protocol.error_body import ErrorBody, error_event
from fastchat.relay import Relay, Response, UpstreamFault
from fastchat.relay.edge import (
    ClientGone,
    error_response,
    read_body,
    refuse_body,
    request_id,
    unless_gone,
)

logger = logging.getLogger("openai_api_server")

# A request that killed its worker may kill the next: it gets one more, not all.
MOST_LOST = 1

# Sent on to a worker; all else concerns the client and us, its key above all.
_TO_WORKER = frozenset([b"accept", b"content-type", b"user-agent"])
# Sent back to the client; the rest describes one connection.
_TO_CLIENT = frozenset([b"cache-control", b"content-type", b"retry-after", b"x-accel-buffering"])


@dataclass(frozen=True, slots=True)
class Forwarder:
    """`report` hears of every dispatch. `token` opens the workers."""

    gate: Gate
    table: Table
    relay: Relay
    report: Callable[[Dispatched], None]
    new_id: Callable[[], str]
    timeout_s: float
    token: str | None

    def to(self, path: bytes, errors: type[ErrorBody] = ErrorBody) -> "Endpoint":
        return Endpoint(self, path, errors)

    async def answer(self, path: bytes, asked: "Asked", send: Send) -> None:
        """Try one worker after another until something was sent to the client. Raises a
        `PlatformError` before that."""
        tried: list[str] = []
        lost = 0
        while True:
            lease = self._lease(asked.decision.model, tried)
            tried.append(lease.worker.address)
            with self.table.hold(lease):
                try:
                    response = await self.relay.open(
                        self._upstream(lease), path, headers=asked.headers, body=asked.body
                    )
                    try:
                        if response.status == 503 and self._has_other(asked, tried):
                            continue  # full, or about to end: nothing was begun there
                        await self._send(response, asked, send)
                    finally:
                        response.abort()
                    return
                except UpstreamFault as fault:
                    where = lease.worker.address
                    logger.warning("request %s: worker %s: %s", asked.id, where, fault)
                    if fault.kind == "silent":
                        raise WorkerTimeout(self.timeout_s) from fault
                    lost += fault.kind != "connect"
                    if lost > MOST_LOST:
                        raise EngineFailed("Two workers broke off their answers.") from fault

    def _has_other(self, asked: "Asked", tried: list[str]) -> bool:
        return self.table.serves(asked.decision.model, excluding=tried)

    def _lease(self, model: str, tried: list[str]) -> Lease:
        lease = self.table.choose(model, excluding=tried)
        self.report(lease.dispatched)
        return lease

    def _upstream(self, lease: Lease) -> Upstream:
        upstream = Upstream.from_url(lease.worker.address)
        if self.token is None:
            return upstream
        authorization = (b"authorization", f"Bearer {self.token}".encode())
        return replace(upstream, headers=(authorization,))

    async def _send(self, response: Response, asked: "Asked", send: Send) -> None:
        """Raises `UpstreamFault` only while nothing was sent: what is no stream is sent whole."""
        headers = [header for header in response.headers if header[0] in _TO_CLIENT]
        headers.append((b"x-request-id", asked.id.encode()))
        start = {"type": "http.response.start", "status": response.status, "headers": headers}
        if not asked.decision.stream or response.status != 200:
            body = await response.body()
            headers.append((b"content-length", str(len(body)).encode()))
            await send(start)
            await send({"type": "http.response.body", "body": body})
            return
        await send(start)
        try:
            async for piece in response:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            last_words = b""
        except UpstreamFault as fault:
            logger.warning("request %s: the worker broke off: %s", asked.id, fault)
            last_words = self._last_words(fault, asked.errors)
        await send({"type": "http.response.body", "body": last_words})

    def _last_words(self, fault: UpstreamFault, errors: type[ErrorBody]) -> bytes:
        """The explicit end of a stream that a worker broke off. It may have stopped in the middle
        of an event: the blank line ends that one."""
        error: PlatformError = EngineFailed("The worker died while it answered.")
        if fault.kind == "silent":
            error = WorkerTimeout(self.timeout_s)
        return b"\n\n" + error_event(error, errors)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One admitted request, as it goes to a worker."""

    id: str
    decision: Decision
    headers: Sequence[Header]
    body: bytes
    errors: type[ErrorBody]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of the workers, as an ASGI application with its shape of errors."""

    forwarder: Forwarder
    path: bytes
    errors: type[ErrorBody]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        forwarder = self.forwarder
        id = request_id(HTTPConnection(scope), forwarder.new_id)
        try:
            forwarder.gate.admit_head(scope["headers"])
            body = await read_body(receive, forwarder.gate.max_body_bytes)
            decision = forwarder.gate.admit_body(body)
            headers = [header for header in scope["headers"] if header[0] in _TO_WORKER]
            headers.append((b"x-request-id", id.encode()))
            asked = Asked(id=id, decision=decision, headers=headers, body=body, errors=self.errors)
            sent = False

            async def noted(message: Message) -> None:
                nonlocal sent
                sent = True
                await send(message)

            async def cut() -> None:
                if sent:
                    last_words = b"\n\n" + error_event(ShuttingDown(), self.errors)
                    await send({"type": "http.response.body", "body": last_words})
                else:
                    await error_response(ShuttingDown(), self.errors)(scope, receive, send)

            await unless_gone(receive, forwarder.answer(self.path, asked, noted), cut)
        except ClientGone:
            return
        except PlatformError as error:
            response = error_response(error, self.errors)
            response.headers["x-request-id"] = id
            if isinstance(error, BodyTooLarge):
                await refuse_body(response, receive, send)
            else:
                await response(scope, receive, send)
