"""A collector of traces and figures, which is sent them by OTLP over HTTP."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from fastchat import __version__
from fastchat.client.otlp_figures import figures
from fastchat.client.otlp_spans import Spans
from fastchat.core.errors import ConfigError
from fastchat.core.tracing import Tracing

# A collector that is away keeps nobody from ending for longer than this.
_END_S = 3.0


def tracing(endpoint: str, service: str, instance: str) -> Tracing:
    """A thread sends spans in batches, another one figures every minute
    (OTEL_METRIC_EXPORT_INTERVAL); headers for the collector are in OTEL_EXPORTER_OTLP_HEADERS, as
    OpenTelemetry has it. Raises `ConfigError` when OpenTelemetry is not installed."""
    try:
        from opentelemetry.sdk.resources import Resource
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
    url, resource = endpoint.rstrip("/"), Resource(about)
    spans = Spans(url, resource)
    measure, end_figures = figures(url, resource)
    return Tracing(
        record=spans.record,
        measure=measure,
        lost=spans.lost,
        aclose=lambda: _ended(spans.end, end_figures),
    )


async def _ended(*ends: Callable[[], Any]) -> None:
    threads = [threading.Thread(target=end, daemon=True) for end in ends]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(asyncio.to_thread(thread.join, _END_S) for thread in threads))
