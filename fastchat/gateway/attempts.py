"""The workers that one request was sent to."""

from typing import TYPE_CHECKING

from fastchat.core.tracing import HEADER as TRACEPARENT
from fastchat.dispatch import Lease, Outcome
from fastchat.gateway.headers import to_worker
from fastchat.gateway.old_wire import OldCall
from fastchat.protocol.counts import Sieve
from fastchat.protocol.openai.requests import changed
from fastchat.protocol.openai.usage import UsageSieve, asking
from fastchat.relay.client import Call

if TYPE_CHECKING:
    from fastchat.gateway.forward import Forwarder
    from fastchat.gateway.forwarding import Forwarding


class Attempts:
    """One after another. The one that is asked now is leased: it is counted as busy with this."""

    __slots__ = (
        "_call",
        "_forwarder",
        "_wants_usage",
        "apart",
        "count",
        "is_retry",
        "lease",
        "leases",
        "tells_counts",
        "troubles",
    )

    def __init__(self, forwarder: "Forwarder") -> None:
        self._forwarder = forwarder
        self._call: Call | OldCall | None = None
        self.is_retry = False  # the one that is asked now
        self._wants_usage = False
        self.lease: Lease | None = None
        self.leases: list[Lease] = []
        self.count = 0  # also of those that were forgotten
        # Whether the last one does. One of 0.2.36 as well: what stands in for it here does.
        self.tells_counts = True
        # Whom we speak for, and from when till when, by our clock.
        self.apart: tuple[tuple[Lease, float, float], ...] = ()
        self.troubles: tuple[tuple[str, Outcome, float], ...] = ()  # and when, by our clock

    @property
    def last(self) -> str:
        return self.leases[-1].worker.address if self.leases else ""

    @property
    def model(self) -> str:
        """The one that was asked last: an alias or a fallback may have led there."""
        return self.leases[-1].model

    @property
    def tried(self) -> list[str]:
        """Who stands in for one of them by now, under its address, was not tried."""
        is_same = self._forwarder.table.is_same
        return [lease.worker.address for lease in self.leases if is_same(lease)]

    def ask(self, request: "Forwarding", lease: Lease, body: bytes) -> None:
        forwarder, worker = self._forwarder, lease.worker
        forwarder.report(lease.dispatched)
        self.lease = lease
        self.is_retry = bool(self.leases)
        forwarder.table.take(lease, retry=self.is_retry)
        self.leases.append(lease)
        self.count += 1
        if lease.model != request.asked_model:
            body = changed(body, model=lease.model)
        if "openai" in worker.dialects:
            self.tells_counts = counts = worker.tells_counts
            time_left = request.deadline.left if request.deadline is not None else None
            lines = to_worker(request.reading, request.id, time_left, counts=counts)
            if request.trace is not None:
                lines += b"%b: %b\r\n" % (TRACEPARENT, request.trace.place.header)
            if request.stream is not None and not counts:
                body, self._wants_usage = asking(body)
            target = forwarder.target(worker)
            self._call = target.post(request, request.path, lines, body)
        else:
            self.tells_counts = True
            now = forwarder.clock()
            self.apart += ((lease, now, now),)
            self._call = forwarder.old_wire.ask(
                request, request.path, worker, model=lease.model, id=request.id, body=body
            )

    def sieve(self) -> Sieve | UsageSieve:
        """What takes the token counts out of the stream that the last one sends."""
        if self.tells_counts:
            return Sieve()
        return UsageSieve(wanted=self._wants_usage)

    def report(self, outcome: Outcome) -> None:
        self._forwarder.table.report(self.leases[-1], outcome)
        if outcome not in ("ok", "began"):
            self.troubles += ((self.last, outcome, self._forwarder.clock()),)

    def settle(self) -> None:
        """The last one answers, a retry: what it made up for is over."""
        self.is_retry = False
        self._forwarder.table.settle()

    def let_go(self) -> None:
        """It is asked no longer."""
        call, self._call = self._call, None
        if call is not None:
            call.abort()
        lease, self.lease = self.lease, None
        if lease is not None:
            if self.apart and self.apart[-1][0] is lease:
                *before, (_, since, _) = self.apart
                self.apart = (*before, (lease, since, self._forwarder.clock()))
            self._forwarder.table.release(lease, retry=self.is_retry)
            self.is_retry = False

    def forget(self) -> None:
        """Another model is going to be asked: each of its workers is new."""
        self.let_go()
        self.leases = []

    def pause(self) -> None:
        if self._call is not None:
            self._call.pause()

    def resume(self) -> None:
        if self._call is not None:
            self._call.resume()
