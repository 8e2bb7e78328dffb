"""One request that the engine itself answers. No object is made of it beyond a few of its fields,
and none of the answer; what the worker adds is a slot, token counts and one end.
"""

import asyncio
from typing import TYPE_CHECKING

import msgspec

from fastchat.client.openai_errors import error_of_answer, error_of_event
from fastchat.client.openai_wire import ErrorAnswer
from fastchat.core.errors import (
    DeadlinePassed,
    EngineFailed,
    EngineNotReady,
    InvalidKey,
    InvalidRequest,
    NoPermission,
    PlatformError,
    ShuttingDown,
    UnknownModel,
    WorkerTimeout,
)
from fastchat.core.generation import NO_TOKENS, Usage
from fastchat.core.tracing import HEADER as TRACEPARENT
from fastchat.protocol.codec import decode, encode
from fastchat.protocol.counts import comment, written
from fastchat.protocol.error_body import ErrorBody, error_event, error_lines
from fastchat.protocol.openai.answers import DONE
from fastchat.protocol.openai.requests import changed
from fastchat.protocol.openai.usage import UsageSieve, asking, usage_in
from fastchat.relay import UpstreamFault
from fastchat.relay.client import Call
from fastchat.relay.deadline import Deadline
from fastchat.relay.heads import given_id
from fastchat.relay.lines import as_lines, milliseconds
from fastchat.relay.response import WHOLE_BYTES
from fastchat.relay.work import Client, Head, Header
from fastchat.worker.admission import Ticket
from fastchat.worker.continuation import Continuation
from fastchat.worker.figures import COUNTED, Course
from fastchat.worker.peek import Peek
from fastchat.worker.reading import COUNTS, Reading
from fastchat.worker.tracing import LEFT, Trip

if TYPE_CHECKING:
    from fastchat.worker.relaying import Endpoint

EVENT_STREAM = b"text/event-stream"
# Paths of which streams tell their counts when they are asked to.
COMPLETIONS = ("/v1/chat/completions", "/v1/completions")
_TO_CLIENT = frozenset([b"cache-control", b"content-type", b"retry-after", b"x-accel-buffering"])
FIRST_TOKEN = Usage(completion_tokens=1)
# How engines say in the middle of a stream that they cannot go on.
_ERROR = b'data: {"error"'


class Relayed:
    """It waits for a slot, is asked, is answered, and leaves its slot, whatever happens.

    The attributes with a value here are those that some requests never set.
    """

    _model = ""
    _body = b""
    _ticket: Ticket | None = None
    _call: Call | None = None
    _deadline: Deadline | None = None
    _continuation: Continuation | None = None
    _verdict: "asyncio.Task[None] | None" = None
    _trip: Trip | None = None
    _shows_usage = True  # to the client, which asked for it or may
    _size = 0
    _waited_s = 0.0
    _first_s: float | None = None
    _status = LEFT
    _is_stream = False
    _begun = False
    _paused = False
    _ended = False

    def __init__(self, endpoint: "Endpoint", head: Head, client: Client) -> None:
        self._endpoint = endpoint
        self._relaying = relaying = endpoint.relaying
        self._reading = reading = Reading.of(head)
        self._client = client
        figures = relaying.shell.figures
        self._course = Course(figures, relaying.shell.admission.clock)
        self._began = self._course.came  # until all of it is here
        self._counted = not endpoint.measured and endpoint.path in COUNTED
        if self._counted:
            figures.requests.add()
            if relaying.tracing is not None:
                self._trip = Trip(relaying.tracing, reading.traceparent)
        self.id = given_id(head) or relaying.new_id()

    # -- Work --

    def admit(self) -> bool:
        try:
            self._relaying.admit(self._reading)
        except PlatformError as error:
            self.refuse(error)
            return False
        return True

    def ask(self, body: bytes) -> None:
        admission = self._relaying.shell.admission
        self._relaying.shell.under_way.add(self.id, self.refuse)
        self._began = admission.clock()
        try:
            self._prepare(body)
            if self._continuation is None:
                self._ticket = admission.enter(self._send)
                if self._ended:  # in the same breath
                    self._ticket.leave()
        except PlatformError as error:
            self.refuse(error)

    def refuse(self, error: PlatformError) -> None:
        if self._ended:
            return
        self._relaying.shell.figures.failed(error)
        self._status = error.status
        if self._begun:
            self._end_with(error_event(error))
            return
        self._end()
        self._client.whole(error.status, error_lines(error), encode(ErrorBody.of(error)))

    def pause(self) -> None:
        self._paused = True
        if self._continuation is not None:
            self._continuation.pause()
        elif self._call is not None and self._is_stream:
            self._call.pause()

    def resume(self) -> None:
        self._paused = False
        if self._continuation is not None:
            self._continuation.resume()
        elif self._call is not None:
            self._call.resume()

    def leave(self) -> None:
        if not self._ended:
            self._status = LEFT
            self._end()

    def cut(self) -> None:
        self.refuse(ShuttingDown())

    # -- relay.connection.Receiver --

    def head(self, status: int, headers: list[Header]) -> None:
        self._status = status
        self._first_s = self._relaying.shell.admission.clock() - self._began
        self._head = [header for header in headers if header[0] in _TO_CLIENT]
        kind = dict(headers).get(b"content-type", b"")
        self._is_stream = status == 200 and kind.startswith(EVENT_STREAM)
        if not self._is_stream:
            self._pieces: list[bytes] = []
        else:
            self._begun = True
            self._last = (b"", b"")
            self._sieve = UsageSieve(wanted=self._shows_usage)
            self._client.start(200, self._to_client())
            if self._paused and self._call is not None:
                self._call.pause()

    def body(self, data: bytes) -> None:
        if not self._is_stream:
            self._pieces.append(data)
            self._size += len(data)
            if self._size > WHOLE_BYTES:
                self.fault(UpstreamFault("malformed", answered=True))
            return
        data = self._sieve.passed(data)
        if not data:
            return
        if _ERROR in data:
            self._failed_inside(data)
            return
        if not self._last[1]:
            self._course.fresh(FIRST_TOKEN)
        self._last = (self._last[1], data)
        self._client.piece(data)

    def end(self) -> None:
        if not self._is_stream:
            self._end_whole(b"".join(self._pieces))
            return
        if rest := self._sieve.rest():
            self._last = (self._last[1], rest)
            self._client.piece(rest)
        if DONE.rstrip() not in b"".join(self._last):
            self.fault(UpstreamFault("lost", answered=True))  # an end without its mark is none
            return
        counts = self._sieve.counts or NO_TOKENS
        try:
            if self._reading.wants_counts:
                self._client.piece(comment(counts))
            self._client.end()  # what is noted of it must not delay its last words
        finally:
            self._meter(counts)
            self._end()

    def fault(self, fault: UpstreamFault) -> None:
        self._let_go()
        if fault.kind == "silent":
            self.refuse(WorkerTimeout(self._relaying.relay.limits.silence_s))
        elif fault.kind == "malformed":
            self.refuse(EngineFailed("The engine's answer made no sense."))
        else:
            self._verdict = asyncio.get_running_loop().create_task(self._explain())

    # -- inside --

    def _prepare(self, body: bytes) -> None:
        relaying, path = self._relaying, self._endpoint.path
        known = relaying.shell.engine.model_names
        peek = decode(body, Peek)
        model = known[0] if peek.model is None else peek.model
        if model not in known:
            raise UnknownModel(model, known)
        self._model, self._body = model, body
        relaying.check_media(path, body)
        if self._reading.timeout is not None:
            self._deadline = Deadline.of(self._reading.timeout, self._expire)
        if peek.continued is not None:
            self._continue()
            return
        if peek.stream and path in COMPLETIONS:
            self._body, self._shows_usage = asking(body)

    def _send(self) -> None:
        """It has its slot."""
        relaying = self._relaying
        self._waited_s = relaying.shell.admission.clock() - self._began
        found = relaying.engine.destination("openai", self._model)
        if found is None:
            self.refuse(EngineNotReady("The engine is not ready. Ask again soon."))
            return
        if found.model != self._model:
            self._body = changed(self._body, model=found.model)
        target = relaying.relay.to(found.upstream)
        self._call = target.post(self, self._endpoint.path.encode(), self._to_engine(), self._body)

    def _continue(self) -> None:
        """Another worker began this answer: the rest of it is made here, of chunks."""
        relaying = self._relaying
        self._continuation = Continuation(
            self._client, self._end, wants_counts=self._reading.wants_counts, shell=relaying.shell
        )
        self._continuation.begin(
            self._endpoint.path, self._body, self.id, int(relaying.wall_clock())
        )

    def _to_engine(self) -> bytes:
        """Lines of a head."""
        reading = self._reading
        lines = b"%bx-request-id: %b\r\n" % (reading.passed, self.id.encode())
        if self._relaying.tracing is not None:
            given = reading.traceparent if self._trip is None else self._trip.traceparent
            if given is not None:
                lines += b"%b: %b\r\n" % (TRACEPARENT, given)
        return lines

    def _end_whole(self, body: bytes) -> None:
        if self._status != 200:
            self.refuse(_told(self._status, body, self._head, self._endpoint.path))
            return
        lines = self._to_client()
        counts = usage_in(body)
        if counts is not None:
            self._meter(counts)
            if self._reading.wants_counts:
                lines += as_lines([(COUNTS, written(counts).encode())])
        self._end()
        self._client.whole(200, lines, body)

    def _failed_inside(self, data: bytes) -> None:
        at = data.find(_ERROR)
        if at > 0:
            self._client.piece(data[:at])
        try:
            event = data[at + len(b"data:") :].partition(b"\n")[0]
            said = msgspec.json.decode(event, type=ErrorAnswer).error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said = None
        self.refuse(error_of_event(said or "The engine failed while it answered."))

    async def _explain(self) -> None:
        self.refuse(await self._relaying.engine.lost(self._model))

    def _expire(self) -> None:
        self.refuse(DeadlinePassed())

    def _to_client(self) -> bytes:
        """As lines: what the client is told beside the answer; where the time went, too."""
        took_s = self._relaying.shell.admission.clock() - self._began
        timing = (milliseconds(self._waited_s), milliseconds(took_s))
        return as_lines(self._head) + b"server-timing: queue;dur=%b, worker;dur=%b\r\n" % timing

    def _meter(self, counts: Usage) -> None:
        self._relaying.shell.meter.add(counts.completion_tokens)
        self._course.fresh(counts)
        self._course.end()

    def _end_with(self, last_words: bytes) -> None:
        self._end()
        self._client.piece(last_words)
        self._client.end()

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._relaying.shell.under_way.discard(self.id, self.refuse)
        self._let_go()
        if self._counted:
            shell = self._relaying.shell
            shell.figures.latency.observe(shell.admission.clock() - self._course.came)
        if self._trip is not None:
            self._tell(self._trip)
        if self._deadline is not None:
            self._deadline.cancel()
        if self._ticket is not None:
            self._ticket.leave()
        if self._continuation is not None:
            self._continuation.cancel()

    def _tell(self, trip: Trip) -> None:
        answered = self._first_s is not None
        trip.end(
            self._endpoint.path,
            self.id,
            status=self._status,
            queue_s=self._waited_s if answered else None,
            first_s=self._first_s or 0.0,
        )

    def _let_go(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.abort()


def _told(status: int, body: bytes, headers: list[Header], path: str) -> PlatformError:
    """What the engine answered instead of an answer, with the guide's codes. That it does not let
    us in is no affair of the client's, and that it knows the model is clear."""
    retry_after = dict(headers).get(b"retry-after", b"").decode("latin-1") or None
    error = error_of_answer(status, body, retry_after)
    if isinstance(error, InvalidKey | NoPermission):
        return EngineFailed("The engine does not let this worker in: is --engine-key right?")
    if status in (404, 405, 501) and "model" not in error.message.replace("models", ""):
        return InvalidRequest(f"The engine does not do this: {path} ({error.message})")
    return error
