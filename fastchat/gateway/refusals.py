"""What a worker answers that is no answer: who is asked now, or what the client is told."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastchat.core.errors import EngineFailed
from fastchat.gateway.headers import JSON, is_of
from fastchat.relay import UpstreamFault

if TYPE_CHECKING:
    from fastchat.gateway.forwarding import Forwarding

logger = logging.getLogger("openai_api_server")


def hear_refusal(request: "Forwarding", status: int, headers: Mapping[bytes, bytes]) -> None:
    """Or whatever else is no answer."""
    shut_out = _shuts_us_out(status)
    _report(request, status, shut_out=shut_out)
    attempts = request.attempts
    if request.moves:
        attempts.let_go()
        request.recovering().wait_for_turn()
        return
    if shut_out:
        logger.error(
            "worker %s answered %d: it wants another cluster token (FASTCHAT_CLUSTER_TOKEN)",
            attempts.last,
            status,
        )
    may_pass = status == 503 or shut_out
    if may_pass and request.has_other() and request.forwarder.table.may_retry():
        attempts.let_go()  # full, or about to end: nothing was begun there
        request.recovering().try_again()
    elif shut_out:
        request.refuse(EngineFailed("The worker does not let this API server in."))
    elif status == 502:  # the worker lives, and the engine that it stands on has died
        request.fault(UpstreamFault("lost", answered=True))
    elif status >= 500 and status != 503 and not is_of(JSON, headers):
        # no error of ours: it comes from a server that broke
        request.fault(UpstreamFault("malformed", answered=True))
    else:
        request.begin(status, headers)


def _report(request: "Forwarding", status: int, *, shut_out: bool) -> None:
    if status == 503:
        request.attempts.report("full")
    elif status == 504 and request.deadline is not None:
        request.attempts.report("began")  # the client's own limit, which the worker was told
    else:
        request.attempts.report("failed" if status >= 500 or shut_out else "began")


def _shuts_us_out(status: int) -> bool:
    """What concerns the token between us and the worker is no answer to the client."""
    return status in (401, 403) or 300 <= status < 400
