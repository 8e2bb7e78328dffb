"""What is done about a request whose worker did not answer it: another one answers, or says the
rest; until one may be asked it is waited for; when nobody can, some last words are said."""

import contextlib
from typing import TYPE_CHECKING

from fastchat.core.errors import EngineFailed, NoWorker, PlatformError, WorkerTimeout
from fastchat.dispatch import Outcome
from fastchat.gateway.migration import MOST_MIGRATIONS, Interrupted, failure_code, interrupted
from fastchat.protocol.arena import DIALECT
from fastchat.protocol.error_body import error_event
from fastchat.protocol.openai.answers import DONE
from fastchat.relay import UpstreamFault

if TYPE_CHECKING:
    from fastchat.gateway.forwarding import Forwarding

# A request that killed its worker may kill the next: it gets one more, not all.
MOST_LOST = 1
OUTCOMES: dict[str, Outcome] = {"connect": "unreachable", "silent": "silent"}


class Recovery:
    """Made when it is needed, which is hardly ever. `waits_until` is None when nobody waits."""

    def __init__(self, request: "Forwarding") -> None:
        self._request = request
        self._table = request.forwarder.table
        self._clock = request.forwarder.clock
        self.waits_until: float | None = None
        self.migrations = 0
        self._lost = 0
        self._rest = b""
        self._nonsense: EngineFailed | None = None
        self._last_words: tuple[int, int | None, bytes] | None = None
        self._longer: list[str] | None = None

    def after(self, fault: UpstreamFault) -> None:
        """Before the first byte anybody may answer; after it, who can say the rest."""
        request = self._request
        if request.moves:
            self.go_on(self._reason(fault))
        elif fault.kind == "silent":
            request.refuse(self._reason(fault))
        else:
            if fault.kind == "malformed":
                self._nonsense = _nonsense()
            self._lost += fault.kind != "connect"
            if self._lost > MOST_LOST:
                request.refuse(EngineFailed("Two workers broke off their answers."))
            else:
                self.try_again()

    def after_failure(self, event: bytes) -> None:
        """The worker itself says that it cannot go on; when it is not the request's fault, another
        may. Want of memory is the request's: it would go from worker to worker."""
        request, code = self._request, failure_code(event)
        workers_fault = code is not None and code >= PlatformError.code
        request.attempts.report("failed" if workers_fault else "ok")
        request.attempts.let_go()
        if code == EngineFailed.code:
            self.go_on(EngineFailed("The worker failed while it answered."), event)
        else:
            request.end_stream(500, code, event)

    def try_again(self) -> None:
        self.waits_until = self._clock() + self._request.forwarder.wait_s
        self.turn()

    def go_on(self, error: PlatformError, last_words: bytes = b"") -> None:
        """At another worker, from the text so far; else these last words are said."""
        self._last_words = error.status, error.code, last_words or error_event(error)
        left = self._interrupted()
        if left is None or self.migrations >= MOST_MIGRATIONS:
            self._give_up()
        elif left.request is None:
            self._request.end_stream(200, None, DONE)
        else:
            self._rest = left.request
            self.wait_for_turn()

    def wait_for_turn(self) -> None:
        if self.waits_until is None:
            self.waits_until = self._clock() + self._request.forwarder.wait_s
        self.turn()

    def turn(self) -> None:
        """Take it up again, if it may be; wait on for a while, if not."""
        request = self._request
        try:
            if not self._table.may_retry():
                raise NoWorker(request.model)
            if request.moves:
                self._move()
            else:
                self.waits_until = None
                request.try_next()
        except PlatformError as error:
            if self.waits_until is None or self._clock() >= self.waits_until:
                self._give_up(error)

    def finds_other(self) -> bool:
        """Who goes on when the worker that is asked is taken for lost; else it is waited for."""
        request = self._request
        if not request.moves:
            return request.has_other()
        found = self._table.serves(request.attempts.model, excluding=self._unfit())
        return found and self._interrupted() is not None

    def asks_longer(self) -> bool:
        """Ask a model that holds more, when this one's context is too short and there is one."""
        request = self._request
        if self._longer is None:
            longer = self._table.routes.longer(request.attempts.model, request.asked_model)
            self._longer = list(longer)
        while self._longer:
            request.model = self._longer.pop(0)
            request.attempts.forget()
            with contextlib.suppress(PlatformError):
                request.try_next()
                return True
        return False

    def _move(self) -> None:
        if self.migrations >= MOST_MIGRATIONS:
            self._give_up()
            return
        request = self._request
        model = request.attempts.model
        lease = self._table.choose(model, excluding=self._unfit(), question=request.question)
        if lease.model != model:
            raise NoWorker(model)  # another model would say something else
        self.waits_until = None
        self.migrations += 1
        request.ask_worker(lease, self._rest)

    def _give_up(self, error: PlatformError | None = None) -> None:
        if self._last_words is not None:
            self._request.end_stream(*self._last_words)
        else:
            # Who asked a worker that spoke nonsense is not told that there is none.
            self._request.refuse(self._nonsense or error or NoWorker(self._request.model))

    def _interrupted(self) -> Interrupted | None:
        if DIALECT in self._request.attempts.leases[-1].worker.dialects:
            return None  # two answers in one stream, and nobody else is to know of whom
        stream = self._request.stream
        kept = None if stream is None else stream.kept
        return None if kept is None else interrupted(self._request.body_asked, kept)

    def _unfit(self) -> set[str]:
        """Workers at which this answer cannot go on: a worker that came back has a new chance."""
        table = self._table
        unfit = {entry.address for entry in table.entries() if not entry.resumes}
        leases = self._request.attempts.leases
        return unfit | {one.worker.address for one in leases if table.is_same(one)}

    def _reason(self, fault: UpstreamFault) -> PlatformError:
        if fault.kind == "silent":
            return WorkerTimeout(self._request.forwarder.timeout_s)
        if fault.kind == "malformed":
            return _nonsense()
        return EngineFailed("The worker died while it answered.")


def _nonsense() -> EngineFailed:
    return EngineFailed("The worker's answer made no sense; the log says which worker it was.")
