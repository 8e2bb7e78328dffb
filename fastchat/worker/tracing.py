"""The spans of a request at a worker: all of it, and below that its wait and its engine."""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastchat.core.tracing import HEADER, Event, Span, Tracing
from fastchat.worker.figures import COUNTED

_PART = re.compile(rb"(queue|worker);dur=([\d.]+)")
# The client left.
LEFT = 499


class Trip:
    """One request, below the span of its caller, the API server mostly."""

    def __init__(self, tracing: Tracing, traceparent: bytes | None) -> None:
        self._tracing = tracing
        self._opened = tracing.open(traceparent)
        self._engine = tracing.below(self._opened.place)
        self._began = tracing.wall_clock()

    @property
    def traceparent(self) -> bytes:
        """For an engine that goes on with the trace."""
        return self._engine.place.header

    def end(
        self, path: str, request_id: str, *, status: int, queue_s: float | None, first_s: float
    ) -> None:
        """It had its slot after `queue_s`, if ever, and its first word after `first_s`."""
        tracing, began, ended = self._tracing, self._began, self._tracing.wall_clock()
        told = {"url.path": path, "fastchat.request.id": request_id}
        whole = Span(
            name=f"worker {path}",
            opened=self._opened,
            kind="server",
            began=began,
            ended=ended,
            told=told | {"http.response.status_code": status},
            error=str(status) if status >= 500 else "",
        )
        tracing.told(whole)
        if queue_s is None:
            return
        has_slot = min(began + queue_s, ended)
        waiting = tracing.below(self._opened.place)
        parts = (
            Span(name="wait for a slot", opened=waiting, kind="internal", began=began,
                 ended=has_slot, told=told),
            Span(name="engine", opened=self._engine, kind="internal", began=has_slot, ended=ended,
                 told=told, events=(Event("first word", min(began + first_s, ended)),)),
        )  # fmt: skip
        for span in parts:
            tracing.told(span)


class Traced:
    """Around an application whose answers tell their times as `Server-Timing`."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in COUNTED:
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"])
        trip = Trip(self._tracing, given.get(HEADER))
        within = given | {HEADER: trip.traceparent}
        status, timing = LEFT, b""

        async def noting(message: Message) -> None:
            nonlocal status, timing
            if message["type"] == "http.response.start":
                status = message["status"]
                timing = dict(message.get("headers", ())).get(b"server-timing", b"")
            await send(message)

        try:
            await self._app({**scope, "headers": list(within.items())}, receive, noting)
        finally:
            parts = {name: float(ms) / 1e3 for name, ms in _PART.findall(timing)}
            trip.end(
                scope["path"],
                given.get(b"x-request-id", b"").decode("latin-1"),
                status=status,
                queue_s=parts.get(b"queue"),
                first_s=parts.get(b"worker", 0.0),
            )
