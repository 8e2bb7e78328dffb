"""A collector of traces, which is sent them by OTLP over HTTP."""

import asyncio
import threading
from typing import Any

from fastchat import __version__
from fastchat.core.errors import ConfigError
from fastchat.core.tracing import Place, Span, Tracing

# A collector that is away keeps nobody from ending for longer than this.
_END_S = 3.0
_SEND_S = 5.0


def tracing(endpoint: str, service: str, instance: str) -> Tracing:
    """A thread sends spans in batches; while the collector is away, 2,048 are held, and what is
    more is lost. Headers for it are in OTEL_EXPORTER_OTLP_HEADERS, as OpenTelemetry has it.
    Raises `ConfigError` when OpenTelemetry is not installed."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigError(
            "--otlp-endpoint (OTEL_EXPORTER_OTLP_ENDPOINT) needs OpenTelemetry: "
            f"pip install 'fschat[otel]' ({error})"
        ) from None
    about = {
        "service.namespace": "fastchat",
        "service.name": service,
        "service.instance.id": instance,
        "service.version": __version__,
    }
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_SEND_S)
    sender = BatchSpanProcessor(exporter, max_queue_size=2048, schedule_delay_millis=1000)
    resource = Resource(about)
    return Tracing(
        record=lambda span: sender.on_end(_readable(span, resource)),
        aclose=lambda: _ended(sender.shutdown),
    )


async def _ended(shutdown: Any) -> None:
    thread = threading.Thread(target=shutdown, daemon=True)
    thread.start()
    await asyncio.to_thread(thread.join, _END_S)


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
        kind=SpanKind.SERVER if span.kind == "server" else SpanKind.INTERNAL,
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
