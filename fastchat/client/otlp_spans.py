"""Spans by OTLP, and how many of them did not get there."""

from collections.abc import Sequence
from typing import Any

from fastchat import __version__
from fastchat.core.tracing import Place, Span

# So many are held while the collector is away.
HELD = 2048
_SEND_S = 5.0


class Spans:
    """A thread sends them in batches; what is more than is held is lost, and counted."""

    def __init__(self, url: str, resource: Any) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._resource = resource
        self._exporter = _Counting(OTLPSpanExporter(f"{url}/v1/traces", timeout=_SEND_S))
        self._sender = BatchSpanProcessor(
            self._exporter, max_queue_size=HELD, schedule_delay_millis=1000
        )
        self._given = self._pushed_out = 0

    def record(self, span: Span) -> None:
        if self._given - self._pushed_out - self._exporter.taken >= HELD:
            self._pushed_out += 1  # the oldest makes room
        self._given += 1
        self._sender.on_end(_readable(span, self._resource))

    def lost(self) -> int:
        return self._pushed_out + self._exporter.refused

    def end(self) -> None:
        self._sender.shutdown()


class _Counting:
    """Around OpenTelemetry's exporter."""

    def __init__(self, exporter: Any) -> None:
        self._exporter = exporter
        self.taken = self.refused = 0

    def export(self, spans: Sequence[Any]) -> Any:
        self.taken += len(spans)
        result = self._exporter.export(spans)
        if result.name != "SUCCESS":
            self.refused += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(self._exporter.force_flush(timeout_millis))


def _readable(span: Span, resource: Any) -> Any:
    """As OpenTelemetry wants it."""
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.status import Status, StatusCode

    place, parent = span.opened
    return ReadableSpan(
        span.name,
        context=_context(place, is_remote=False),
        parent=None if parent is None else _context(parent, is_remote=span.kind == "server"),
        resource=resource,
        attributes=dict(span.told),
        events=[Event(one.name, dict(one.told), _ns(one.at)) for one in span.events],
        kind=SpanKind[span.kind.upper()],
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
        start_time=_ns(span.began),
        end_time=_ns(span.ended),
        instrumentation_scope=InstrumentationScope("fastchat", __version__),
    )


def _context(place: Place, *, is_remote: bool) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(place.trace_id, place.span_id, is_remote, TraceFlags(place.sampled))


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
