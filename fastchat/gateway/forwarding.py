"""One request on its way through the gateway, and what to do next.

No object is made of a request beyond three of its fields, and none of the answer. All is decided
here, once, for both ways in (`relay.work`); what goes wrong is `recovery`'s affair.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastchat.core.errors import DeadlinePassed, PlatformError, ShuttingDown
from fastchat.core.generation import Usage
from fastchat.core.tracing import Opened
from fastchat.dispatch import Lease
from fastchat.dispatch.policies import UNASKED
from fastchat.gateway.attempts import Attempts
from fastchat.gateway.callers import Caller
from fastchat.gateway.fetching import fetching
from fastchat.gateway.headers import (
    COUNTS,
    EVENT_STREAM,
    Reading,
    id_header,
    is_of,
    to_client,
)
from fastchat.gateway.migration import error_code
from fastchat.gateway.passage import Apart, Passage, Trouble
from fastchat.gateway.recovery import OUTCOMES, Recovery
from fastchat.gateway.refusals import hear_refusal
from fastchat.gateway.silence import look_after
from fastchat.gateway.stream import Stream
from fastchat.protocol.codec import encode
from fastchat.protocol.counts import read
from fastchat.protocol.error_body import ErrorBody, error_event, error_lines
from fastchat.protocol.openai.media import may_name_media
from fastchat.protocol.openai.usage import usage_in
from fastchat.relay import UpstreamFault
from fastchat.relay.deadline import Deadline
from fastchat.relay.heads import given_id
from fastchat.relay.lines import as_lines
from fastchat.relay.response import WHOLE_BYTES
from fastchat.relay.work import Client, Head, Header

if TYPE_CHECKING:
    from fastchat.gateway.forward import Endpoint

logger = logging.getLogger("openai_api_server")

# How a worker says that a prompt does not fit.
TOO_LONG = b"context_length_exceeded"
NO_HEAD: Mapping[bytes, bytes] = {}


class Forwarding:
    """One request: one worker after another is asked until one has answered; then exactly one end.
    Plain answers are sent on whole, so that one that was cut can be asked for elsewhere; streams
    piece by piece, and one that was cut goes on elsewhere where that is sound (`migration`).

    Slots are read faster than what stands in the class: each request pays for each of them.
    """

    __slots__ = (
        *("_client", "_endpoint", "_error_code", "_first_byte_s", "_head", "_migrations"),
        *("_pieces", "_size", "_status", "_takes_pieces", "_usage"),
        *("asked_model", "attempts", "began", "body_asked", "caller", "deadline", "ended"),
        *("fetching", "forwarder", "heard_at", "id", "model", "path", "paused", "question"),
        *("reading", "recovery", "said_at", "seen", "stream", "trace"),
    )

    def __init__(self, endpoint: "Endpoint", head: Head, client: Client) -> None:
        self.forwarder = forwarder = endpoint.forwarder
        self.path = endpoint.path
        self.reading = Reading.of(head)
        self.attempts = Attempts(forwarder)
        self.id = given_id(head) or forwarder.new_id()
        self.began = self.said_at = self.heard_at = forwarder.clock()
        self.caller: Caller | None = None
        self.model = self.asked_model = ""
        self.body_asked = b""
        self.question = UNASKED
        self.deadline: Deadline | None = None
        self.stream: Stream | None = None  # what the client is sent, if it asked for a stream
        self.recovery: Recovery | None = None
        self.fetching: asyncio.Task[None] | None = None
        self.trace: Opened | None = None
        self.paused = self.ended = False
        self.seen = 0
        self._endpoint = endpoint
        self._client = client
        self._takes_pieces = False  # of the stream that a worker has begun
        self._status = 499
        self._error_code: int | None = None
        self._migrations = 0
        self._first_byte_s: float | None = None
        self._head = NO_HEAD
        self._size = 0
        self._usage: Usage | None = None  # as a server tells it that is not ours

    # -- Work --

    def admit(self) -> bool:
        if self.forwarder.tracing is not None:
            self.trace = self.forwarder.tracing.open(self.reading.traceparent)
        reading = self.reading
        try:
            self.caller = self.forwarder.gate.admit(reading.shown, reading.declared_bytes)
        except PlatformError as error:
            self.refuse(error)
            return False
        return True

    def ask(self, body: bytes) -> None:
        forwarder = self.forwarder
        self.began = self.said_at = forwarder.clock()
        try:
            decision = forwarder.gate.admit_body(body, self.caller)
            self.model = self.asked_model = decision.model
            if decision.stream:
                self.stream = Stream(self._client)
            self.body_asked = body
            session = self.reading.session or decision.user
            self.question = forwarder.table.question(session=session, body=body)
            if self.reading.timeout is not None:
                self.deadline = Deadline.of(self.reading.timeout, self._expire)
            forwarder.under_way.add(self)
            if may_name_media(body):
                self.fetching = fetching(self)
            if self.fetching is None:
                self.try_next()
        except PlatformError as error:
            self.refuse(error)

    def refuse(self, error: PlatformError) -> None:
        if self.stream is not None and self.stream.committed:
            self.end_stream(error.status, error.code, error_event(error))
            return
        lines = error_lines(error) + as_lines([id_header(self.id)])
        self._status, self._error_code = error.status, error.code
        self._end()
        self._client.whole(error.status, lines, encode(ErrorBody.of(error)))

    def pause(self) -> None:
        self.paused = True
        if self._takes_pieces:
            self.attempts.pause()

    def resume(self) -> None:
        self.paused = False
        self.attempts.resume()

    def leave(self) -> None:
        if not self.ended:
            self._status = 499
            self._end()

    def cut(self) -> None:
        if not self.ended:
            self.refuse(ShuttingDown())

    # -- relay.connection.Receiver --

    def head(self, status: int, headers: list[Header]) -> None:
        named = dict(headers)
        if status == 200:
            stream = self.stream
            if stream is not None and is_of(EVENT_STREAM, named):
                self.attempts.report("began")
                self.begin(status, named)
                self._begin_stream(stream)
                return
            if stream is None or not self.moves:  # reported when all of it is here
                self.begin(status, named)
                return
        hear_refusal(self, status, named)

    def body(self, data: bytes) -> None:
        if self._takes_pieces and self.stream is not None:
            if failure := self.stream.take(data):
                self.recovering().after_failure(failure)
            return
        self._pieces.append(data)
        self._size += len(data)
        if self._size > WHOLE_BYTES:
            self.fault(UpstreamFault("malformed", answered=True))

    def end(self) -> None:
        if self._takes_pieces and self.stream is not None:
            if not self.stream.is_done:
                self.fault(UpstreamFault("lost", answered=True))  # an end without its mark is none
                return
            try:
                self.stream.end()  # what is noted of it must not delay its last words
            finally:
                self.attempts.report("ok")
                self._end()
            return
        status, pieces = self._status, self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if status == 200:
            self.attempts.report("ok")
            if not self.attempts.tells_counts:
                self._usage = usage_in(body)
        elif status == 400 and TOO_LONG in body and self.recovering().asks_longer():
            return
        elif status >= 400:
            self._error_code = error_code(body)
        if self.stream is not None and self.stream.committed:
            event = b"data: %b\n\n" % body.replace(b"\n", b" ")
            self.end_stream(status, self._error_code, event)
            return
        lines = self._lines()
        self._end()
        self._client.whole(status, lines, body)

    def fault(self, fault: UpstreamFault) -> None:
        self.attempts.report(OUTCOMES.get(fault.kind, "failed"))
        self.attempts.let_go()
        logger.warning("request %s: worker %s: %s", self.id, self.attempts.last, fault)
        self.recovering().after(fault)

    # -- looked at from time to time --

    def look(self, now: float) -> None:
        if self.attempts.count and not self.ended:  # else nobody was asked yet
            look_after(self, now)

    @property
    def size(self) -> int:
        """How much of the answer has come."""
        return self._size if self.stream is None else self.stream.size

    # -- steps, of which some are recovery's --

    @property
    def moves(self) -> bool:
        """Whether the client was sent a part of the answer already: what follows must fit to it."""
        return self.stream is not None and self.stream.size > 0

    def has_other(self) -> bool:
        return self.forwarder.table.serves(self.model, excluding=self.attempts.tried)

    def recovering(self) -> Recovery:
        if self.recovery is None:
            self.recovery = Recovery(self)
        return self.recovery

    def try_next(self) -> None:
        """Raises `PlatformError` when there is nobody to ask."""
        attempts = self.attempts
        tried = attempts.tried if attempts.leases else ()
        lease = self.forwarder.table.choose(self.model, excluding=tried, question=self.question)
        self.ask_worker(lease, self.body_asked)

    def ask_worker(self, lease: Lease, body: bytes) -> None:
        self.heard_at = lease.chosen_at
        self.attempts.ask(self, lease, body)

    def end_stream(self, status: int, code: int | None, last_words: bytes) -> None:
        assert self.stream is not None
        self._status, self._error_code = status, code
        self._end()
        self.stream.end_with(last_words)

    # -- inside --

    def begin(self, status: int, headers: Mapping[bytes, bytes]) -> None:
        """An answer: its head is here."""
        if self.attempts.is_retry:
            self.attempts.settle()
        self._status = status
        if self._first_byte_s is None or not self.moves:  # else it goes on
            self._head = headers
            self._first_byte_s = self.forwarder.clock() - self.began
        self._pieces: list[bytes] = []
        self._size = 0
        self._takes_pieces = False

    def _begin_stream(self, stream: Stream) -> None:
        self._takes_pieces = True
        if not stream.committed:
            stream.commit(self._lines())
        stream.begin(self.attempts.sieve())
        if self.paused:
            self.attempts.pause()

    def _lines(self) -> bytes:
        """What the client is told beside the answer."""
        lines = to_client(self._head, self.id, self._first_byte_s or 0.0, self.attempts.count)
        caller = self.caller
        if caller is not None and caller.bucket is not None:
            lines += as_lines(caller.bucket.headers(self.forwarder.clock()))
        return lines

    def _expire(self) -> None:
        if not self.ended:
            self.refuse(DeadlinePassed())

    def _end(self) -> None:
        """Tell of it once, whatever follows."""
        self.attempts.let_go()
        if self.ended:
            return
        self.ended = True
        forwarder = self.forwarder
        forwarder.under_way.discard(self)
        if self.recovery is not None:
            self._migrations = self.recovery.migrations
            self.recovery = None
        if self.deadline is not None:
            self.deadline.cancel()
        if self.fetching is not None and self.fetching is not asyncio.current_task():
            self.fetching.cancel()
        if forwarder.account is not None:
            forwarder.account(self._passage())

    def _passage(self) -> Passage:
        head, attempts, caller = self._head, self.attempts, self.caller
        if self._takes_pieces and self.stream is not None:
            counts = self.stream.counts
        else:
            counts = self._usage or read(head.get(COUNTS, b""))
        return Passage(  # by position: keywords would cost ten times as much
            self.id,
            self._endpoint.name,
            caller.name if caller is not None else None,
            self.asked_model,
            self.stream is not None,
            self._status,
            self._error_code,
            attempts.last,
            attempts.count,
            self._migrations,
            self._first_byte_s,
            self.forwarder.clock() - self.began,
            head.get(b"server-timing", b"").decode("latin-1"),
            counts,
            caller,
            self._troubles() if attempts.troubles else (),
            self.trace,
            self._apart() if attempts.apart else (),
        )

    def _troubles(self) -> tuple[Trouble, ...]:
        told = self.attempts.troubles
        return tuple(Trouble(worker, outcome, at - self.began) for worker, outcome, at in told)

    def _apart(self) -> tuple[Apart, ...]:
        began, told = self.began, self.attempts.apart
        return tuple(
            Apart(lease.worker.address, lease.model, since - began, until - began)
            for lease, since, until in told
        )
