"""A request about which nothing is heard: how long, and what follows."""

from typing import TYPE_CHECKING

from fastchat.core.errors import WorkerTimeout
from fastchat.dispatch import SILENT_S
from fastchat.gateway.headers import id_header
from fastchat.gateway.old_wire import EVENTS
from fastchat.relay import UpstreamFault
from fastchat.relay.lines import as_lines

if TYPE_CHECKING:
    from fastchat.gateway.forwarding import Forwarding


def look_after(request: "Forwarding", now: float) -> None:
    """From time to time, until the request has ended."""
    forwarder, stream = request.forwarder, request.stream
    if stream is None and now - request.began > forwarder.timeout_s:
        request.refuse(WorkerTimeout(forwarder.timeout_s))  # it has so long in all
        return
    recovery = request.recovery
    if recovery is not None and recovery.waits_until is not None:
        recovery.turn()
    size = request.size
    if size != request.seen or request.paused:
        request.seen, request.heard_at, request.said_at = size, now, now
    elif not request.ended:
        _mind(request, now)


def _mind(request: "Forwarding", now: float) -> None:
    if request.attempts.lease is not None and _is_lost(request, now - request.heard_at):
        request.heard_at = now
        if request.recovering().finds_other():
            request.fault(UpstreamFault("lost", answered=True))
        if request.ended:
            return
    stream, quiet_s = request.stream, request.forwarder.keep_alive_s
    if stream is not None and quiet_s and now - request.said_at >= quiet_s:
        request.said_at = now
        if not stream.committed:
            stream.commit(as_lines((*EVENTS, id_header(request.id))))
        stream.keep_alive()


def _is_lost(request: "Forwarding", silent_s: float) -> bool:
    """By all that is known before the relay's own limit."""
    lease = request.attempts.lease
    assert lease is not None
    is_gone = lease.row.found_dead or request.forwarder.table.is_replaced(lease)
    return (is_gone and silent_s >= SILENT_S) or (
        request.moves and silent_s >= request.forwarder.stall_s
    )
