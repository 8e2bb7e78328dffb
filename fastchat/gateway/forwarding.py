"""One request on its way through the gateway, and what to do next.

No object is made of a request beyond three of its fields, and none of the answer. All is decided
here, once, for both ways in (`relay.work`).
"""

import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fastchat.core.errors import (
    DeadlinePassed,
    EngineFailed,
    NoWorker,
    PlatformError,
    ShuttingDown,
    WorkerTimeout,
)
from fastchat.dispatch import SILENT_S, Lease, Outcome
from fastchat.gateway.callers import Caller
from fastchat.gateway.migration import (
    MOST_MIGRATIONS,
    Interrupted,
    error_code,
    failure_code,
    interrupted,
)
from fastchat.gateway.old_wire import EVENTS, OldCall
from fastchat.gateway.passage import Passage
from fastchat.gateway.stream import Stream
from fastchat.protocol.codec import encode
from fastchat.protocol.counts import HEADER, read
from fastchat.protocol.deadline import HEADER as TIMEOUT_HEADER
from fastchat.protocol.error_body import ErrorBody, error_event, error_headers
from fastchat.protocol.openai.answers import DONE
from fastchat.protocol.openai.requests import changed
from fastchat.relay import UpstreamFault
from fastchat.relay.client import Call
from fastchat.relay.deadline import Deadline
from fastchat.relay.edge import REQUEST_ID
from fastchat.relay.response import WHOLE_BYTES
from fastchat.relay.work import Client, Header

if TYPE_CHECKING:
    from fastchat.gateway.forward import Endpoint

logger = logging.getLogger("openai_api_server")

# A request that killed its worker may kill the next: it gets one more, not all.
MOST_LOST = 1
EVENT_STREAM, JSON = b"text/event-stream", b"application/json"
# How a worker says that a prompt does not fit.
TOO_LONG = b"context_length_exceeded"
# Requests of one session go to one worker, under a policy that knows sessions.
SESSION = b"x-session-id"
_OUTCOMES: Mapping[str, Outcome] = {"connect": "unreachable", "silent": "silent"}

# Sent on to a worker; all else concerns the client and us, its key above all.
_ASK_COUNTS = (HEADER.encode(), b"1")
TIMEOUT = TIMEOUT_HEADER.encode()
_TO_WORKER = (b"accept", b"content-type", b"user-agent")
# Sent back to the client; the rest describes one connection.
_TO_CLIENT = frozenset([b"cache-control", b"content-type", b"retry-after", b"x-accel-buffering"])


def _nonsense() -> EngineFailed:
    return EngineFailed("The worker's answer made no sense; the log says which worker it was.")


def _shuts_us_out(status: int) -> bool:
    """What concerns the token between us and the worker is no answer to the client."""
    return status in (401, 403) or 300 <= status < 400


def _is_of(kind: bytes, headers: list[Header]) -> bool:
    return any(name == b"content-type" and value.startswith(kind) for name, value in headers)


class Forwarding:
    """One request: one worker after another is asked until one has answered; then exactly one end.
    Plain answers are sent on whole, so that one that was cut can be asked for elsewhere; streams
    piece by piece, and one that was cut goes on elsewhere where that is sound (`migration`)."""

    __slots__ = (
        "_at_worker",
        "_began",
        "_call",
        "_caller",
        "_client",
        "_counts",
        "_deadline",
        "_decision",
        "_ended",
        "_endpoint",
        "_error_code",
        "_first_byte_s",
        "_forwarder",
        "_head",
        "_headers",
        "_heard_at",
        "_is_stream",
        "_last_words",
        "_lease",
        "_leases",
        "_longer",
        "_lost",
        "_migrations",
        "_model",
        "_nonsense",
        "_paused",
        "_pieces",
        "_question",
        "_request",
        "_rest",
        "_retries",
        "_said_at",
        "_seen",
        "_size",
        "_status",
        "_stream",
        "_tries",
        "_waits_until",
        "id",
    )

    def __init__(
        self, endpoint: "Endpoint", headers: Mapping[bytes, bytes], client: Client
    ) -> None:
        self._endpoint = endpoint
        self._forwarder = endpoint.forwarder
        self._headers = headers
        self._client = client
        self._stream: Stream | None = None
        self._is_stream = False
        self._call: Call | OldCall | None = None
        self._lease: Lease | None = None
        self._leases: list[Lease] = []
        self._retries = False
        self._longer: list[str] | None = None
        self._lost = 0
        self._nonsense: EngineFailed | None = None
        self._tries = self._migrations = 0
        self._waits_until: float | None = None
        self._last_words: tuple[int, int | None, bytes] | None = None
        self._deadline: Deadline | None = None
        self._paused = False
        self._ended = False
        self._caller: Caller | None = None
        self._model = ""
        self._status = 499
        self._error_code: int | None = None
        self._size = 0
        self._seen = 0
        self._first_byte_s: float | None = None
        self._at_worker = b""
        self._counts: bytes | None = None
        self._began = self._forwarder.clock()
        self.id = _request_id(headers) or self._forwarder.new_id()

    # -- Work --

    def admit(self) -> bool:
        try:
            self._caller = self._forwarder.gate.admit_head(self._headers)
        except PlatformError as error:
            self.refuse(error)
            return False
        return True

    def ask(self, body: bytes) -> None:
        self._began = self._heard_at = self._said_at = self._forwarder.clock()
        try:
            self._decision = self._forwarder.gate.admit_body(body, self._caller)
            self._model = self._decision.model
            if self._decision.stream:
                self._stream = Stream(self._client)
            self._request = body
            self._question = self._forwarder.table.question(session=self._session(), body=body)
            if TIMEOUT in self._headers:
                self._deadline = Deadline.of(self._headers[TIMEOUT], self._expire)
            self._try()
        except PlatformError as error:
            self.refuse(error)
        else:
            self._forwarder.under_way.add(self)

    def refuse(self, error: PlatformError) -> None:
        if self._stream is not None and self._stream.committed:
            self._end_stream(error.status, error.code, error_event(error))
            return
        headers = [(n.encode(), v.encode()) for n, v in error_headers(error).items()]
        headers.append((b"x-request-id", self.id.encode()))
        self._status, self._error_code = error.status, error.code
        self._end()
        self._client.whole(error.status, headers, encode(ErrorBody.of(error)))

    def pause(self) -> None:
        self._paused = True
        if self._call is not None and self._is_stream:
            self._call.pause()

    def resume(self) -> None:
        self._paused = False
        if self._call is not None:
            self._call.resume()

    def leave(self) -> None:
        if not self._ended:
            self._status = 499
            self._end()

    def cut(self) -> None:
        if not self._ended:
            self.refuse(ShuttingDown())

    # -- relay.connection.Receiver --

    def head(self, status: int, headers: list[Header]) -> None:
        self._report_head(status)
        if self._moves and not (status == 200 and _is_of(EVENT_STREAM, headers)):
            self._let_go()
            self._wait_for_turn()
            return
        shut_out = _shuts_us_out(status)
        if shut_out:
            logger.error(
                "worker %s answered %d: it wants another cluster token (FASTCHAT_CLUSTER_TOKEN)",
                self._worker,
                status,
            )
        may_pass = status == 503 or shut_out
        if may_pass and self._has_other() and self._forwarder.table.may_retry():
            self._let_go()  # full, or about to end: nothing was begun there
            self._try_again()
            return
        if shut_out:
            self.refuse(EngineFailed("The worker does not let this API server in."))
            return
        if status == 502:  # the worker lives, and the engine that it stands on has died
            self.fault(UpstreamFault("lost", answered=True))
            return
        if status >= 500 and status != 503 and not _is_of(JSON, headers):
            # no error of ours: it comes from a server that broke
            self.fault(UpstreamFault("malformed", answered=True))
            return
        self._begin(status, headers)

    def body(self, data: bytes) -> None:
        if self._is_stream and self._stream is not None:
            if failure := self._stream.take(data):
                self._failed_inside(failure)
            return
        self._pieces.append(data)
        self._size += len(data)
        if self._size > WHOLE_BYTES:
            self.fault(UpstreamFault("malformed", answered=True))

    def end(self) -> None:
        if self._is_stream and self._stream is not None:
            if not self._stream.is_done:
                self.fault(UpstreamFault("lost", answered=True))  # an end without its mark is none
                return
            self._report("ok")
            self._end()
            self._stream.end()
            return
        if self._status == 200:
            self._report("ok")
        elif self._asks_longer():
            return
        body = b"".join(self._pieces)
        if self._status >= 400:
            self._error_code = error_code(body)
        if self._stream is not None and self._stream.committed:
            event = b"data: %b\n\n" % body.replace(b"\n", b" ")
            self._end_stream(self._status, self._error_code, event)
            return
        self._end()
        self._client.whole(self._status, self._head, body)

    def fault(self, fault: UpstreamFault) -> None:
        self._report(_OUTCOMES.get(fault.kind, "failed"))
        self._let_go()
        logger.warning("request %s: worker %s: %s", self.id, self._worker, fault)
        if self._moves:
            self._go_on(self._reason(fault))
        elif fault.kind == "silent":
            self.refuse(self._reason(fault))
        else:
            if fault.kind == "malformed":
                self._nonsense = _nonsense()
            self._lost += fault.kind != "connect"
            if self._lost > MOST_LOST:
                self.refuse(EngineFailed("Two workers broke off their answers."))
            else:
                self._try_again()

    # -- looked at from time to time --

    def look(self, now: float) -> None:
        if self._ended:
            return
        if self._stream is None and now - self._began > self._forwarder.timeout_s:
            self.refuse(WorkerTimeout(self._forwarder.timeout_s))  # it has so long in all
            return
        if self._waits_until is not None:
            self._turn()
        size = self._size if self._stream is None else self._stream.size
        if size != self._seen or self._paused:
            self._seen, self._heard_at, self._said_at = size, now, now
            return
        if not self._ended:
            self._mind_silence(now)

    def _mind_silence(self, now: float) -> None:
        forwarder, stream = self._forwarder, self._stream
        if self._lease is not None and self._is_lost(now - self._heard_at):
            self._heard_at = now
            if self._finds_other():
                self.fault(UpstreamFault("lost", answered=True))
            if self._ended:
                return
        quiet_s = forwarder.keep_alive_s
        if stream is not None and quiet_s and now - self._said_at >= quiet_s:
            self._said_at = now
            if not stream.committed:
                stream.commit([*EVENTS, (b"x-request-id", self.id.encode())])
            stream.keep_alive()

    def _is_lost(self, silent_s: float) -> bool:
        """By all that is known before the relay's own limit."""
        assert self._lease is not None
        found_dead = self._lease.row.found_dead and silent_s >= SILENT_S
        return found_dead or (self._moves and silent_s >= self._forwarder.stall_s)

    def _finds_other(self) -> bool:
        """Who goes on when this worker is taken for lost; else it is waited for."""
        if not self._moves:
            return self._has_other()
        model, unfit = self._leases[-1].model, self._unfit()
        found = self._forwarder.table.serves(model, excluding=unfit)
        return found and self._interrupted() is not None

    # -- inside --

    @property
    def _worker(self) -> str:
        return self._leases[-1].worker.address if self._leases else ""

    @property
    def _tried(self) -> list[str]:
        return [lease.worker.address for lease in self._leases]

    @property
    def _moves(self) -> bool:
        """Whether the client was sent a part of the answer already: what follows must fit to it."""
        return self._stream is not None and self._stream.size > 0

    def _begin(self, status: int, headers: list[Header]) -> None:
        """Of an answer."""
        if self._retries:
            self._retries = False
            self._forwarder.table.settle()
        self._status = status
        self._first_byte_s = self._forwarder.clock() - self._began
        self._head = [header for header in headers if header[0] in _TO_CLIENT]
        self._take_notes(headers)
        self._head += ((b"x-request-id", self.id.encode()), (b"server-timing", self._timing()))
        if self._caller is not None and self._caller.bucket is not None:
            self._head += self._caller.bucket.headers(self._forwarder.clock())
        self._pieces: list[bytes] = []
        self._size = 0
        wanted = self._stream is not None and status == 200
        self._is_stream = wanted and _is_of(EVENT_STREAM, headers)
        if self._is_stream and self._stream is not None:
            if not self._stream.committed:
                self._stream.commit(self._head)
            self._stream.begin()
            if self._paused and self._call is not None:
                self._call.pause()

    def _failed_inside(self, event: bytes) -> None:
        """The worker itself says that it cannot go on; when it is not the request's fault, another
        may. Want of memory is the request's: it would go from worker to worker."""
        code = failure_code(event)
        workers_fault = code is not None and code >= PlatformError.code
        self._report("failed" if workers_fault else "ok")
        self._let_go()
        if code == EngineFailed.code:
            self._go_on(EngineFailed("The worker failed while it answered."), event)
        else:
            self._end_stream(500, code, event)

    def _go_on(self, error: PlatformError, last_words: bytes = b"") -> None:
        """At another worker, from the text so far; else these last words are said."""
        self._last_words = error.status, error.code, last_words or error_event(error)
        left = self._interrupted()
        if left is None or self._migrations >= MOST_MIGRATIONS:
            self._give_up()
        elif left.request is None:
            self._end_stream(200, None, DONE)
        else:
            self._rest = left.request
            self._wait_for_turn()

    def _interrupted(self) -> Interrupted | None:
        kept = None if self._stream is None else self._stream.kept
        return None if kept is None else interrupted(self._request, kept)

    def _wait_for_turn(self) -> None:
        if self._waits_until is None:
            self._waits_until = self._forwarder.clock() + self._forwarder.wait_s
        self._turn()

    def _turn(self) -> None:
        """Take it up again, if it may be; wait on for a while, if not."""
        table = self._forwarder.table
        try:
            if not table.may_retry():
                raise NoWorker(self._model)
            if self._moves:
                self._move()
            else:
                self._waits_until = None
                self._try()
        except PlatformError as error:
            if self._waits_until is None or self._forwarder.clock() >= self._waits_until:
                self._give_up(error)

    def _move(self) -> None:
        if self._migrations >= MOST_MIGRATIONS:
            self._give_up()
            return
        model = self._leases[-1].model
        table = self._forwarder.table
        lease = table.choose(model, excluding=self._unfit(), question=self._question)
        if lease.model != model:
            raise NoWorker(model)  # another model would say something else
        self._waits_until = None
        self._migrations += 1
        self._ask(lease, self._rest)

    def _give_up(self, error: PlatformError | None = None) -> None:
        if self._last_words is not None:
            self._end_stream(*self._last_words)
        else:
            # Who asked a worker that spoke nonsense is not told that there is none.
            self.refuse(self._nonsense or error or NoWorker(self._model))

    def _unfit(self) -> set[str]:
        """Workers at which this answer cannot go on: a worker that came back has a new chance."""
        table = self._forwarder.table
        unfit = {entry.address for entry in table.entries() if not entry.resumes}
        return unfit | {one.worker.address for one in self._leases if table.is_same(one)}

    def _try_again(self) -> None:
        self._waits_until = self._forwarder.clock() + self._forwarder.wait_s
        self._turn()

    def _try(self) -> None:
        table = self._forwarder.table
        lease = table.choose(self._model, excluding=self._tried, question=self._question)
        self._ask(lease, self._request)

    def _ask(self, lease: Lease, body: bytes) -> None:
        forwarder = self._forwarder
        forwarder.report(lease.dispatched)
        self._tries += 1
        self._lease = lease
        self._retries = bool(self._leases)
        forwarder.table.take(lease, retry=self._retries)
        self._leases.append(lease)
        self._heard_at = forwarder.clock()
        if lease.model != self._decision.model:  # an alias, or another model
            body = changed(body, model=lease.model)
        path = self._endpoint.path
        if "openai" in lease.worker.dialects:
            target = forwarder.target(lease.worker.address)
            self._call = target.ask(self, path, headers=self._to_worker(), body=body)
        else:
            self._call = forwarder.old_wire.ask(
                self, path, lease.worker, model=lease.model, id=self.id, body=body
            )

    def _asks_longer(self) -> bool:
        """Ask a model that holds more, when this one's context is too short and there is one."""
        if self._status != 400 or TOO_LONG not in b"".join(self._pieces):
            return False
        table = self._forwarder.table
        if self._longer is None:
            self._longer = list(table.routes.longer(self._leases[-1].model, self._decision.model))
        while self._longer:
            self._let_go()
            self._model, self._leases = self._longer.pop(0), []
            with contextlib.suppress(PlatformError):
                self._try()
                return True
        return False

    def _report_head(self, status: int) -> None:
        if status == 503:
            self._report("full")
        elif status == 504 and self._deadline is not None:
            self._report("began")  # the client's own limit, which the worker was told
        else:
            failed = status >= 500 or _shuts_us_out(status)
            self._report("failed" if failed else "began")

    def _report(self, outcome: Outcome) -> None:
        self._forwarder.table.report(self._leases[-1], outcome)

    def _session(self) -> str | None:
        named = self._headers.get(SESSION)
        return self._decision.user if named is None else named.decode("latin-1")

    def _to_worker(self) -> Sequence[Header]:
        headers = [(name, self._headers[name]) for name in _TO_WORKER if name in self._headers]
        headers += ((b"x-request-id", self.id.encode()), _ASK_COUNTS)
        if self._deadline is not None:
            headers.append((TIMEOUT, self._deadline.left))
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
            self._tries,
        )
        return self._at_worker + b", " + ours if self._at_worker else ours

    def _has_other(self) -> bool:
        return self._forwarder.table.serves(self._model, excluding=self._tried)

    def _reason(self, fault: UpstreamFault) -> PlatformError:
        if fault.kind == "silent":
            return WorkerTimeout(self._forwarder.timeout_s)
        if fault.kind == "malformed":
            return _nonsense()
        return EngineFailed("The worker died while it answered.")

    def _expire(self) -> None:
        if not self._ended:
            self.refuse(DeadlinePassed())

    def _end_stream(self, status: int, code: int | None, last_words: bytes) -> None:
        assert self._stream is not None
        self._status, self._error_code = status, code
        self._end()
        self._stream.end_with(last_words)

    def _end(self) -> None:
        """Tell of it once, whatever follows."""
        self._let_go()
        if self._ended:
            return
        self._ended = True
        self._waits_until = None
        self._forwarder.under_way.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
        account = self._forwarder.account
        if account is not None:
            account(self._passage())

    def _passage(self) -> Passage:
        counts = read(self._counts) if self._counts is not None else None
        if self._is_stream and self._stream is not None:
            counts = self._stream.counts
        return Passage(
            id=self.id,
            path=self._endpoint.path.decode(),
            key=self._caller.name if self._caller is not None else None,
            caller=self._caller,
            model=self._model,
            stream=self._stream is not None,
            status=self._status,
            error_code=self._error_code,
            worker=self._worker,
            tries=self._tries,
            migrations=self._migrations,
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
        lease, self._lease = self._lease, None
        if lease is not None:
            self._forwarder.table.release(lease, retry=self._retries)
            self._retries = False


def _request_id(headers: Mapping[bytes, bytes]) -> str | None:
    """What the caller gave, if it is fit for logs and headers."""
    given = headers.get(b"x-request-id")
    if given is None:
        return None
    text = given.decode("latin-1")
    return text if REQUEST_ID.fullmatch(text) else None
