"""A collector of traces and figures: OTLP over HTTP, as OpenTelemetry's protobuf has it."""

from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass
class Collector:
    """`spans` by name, `services` by the name of a span; `points` of histograms by name. It answers
    `status`."""

    spans: dict[str, Any] = field(default_factory=dict)
    services: dict[str, str] = field(default_factory=dict)
    points: dict[str, list[Any]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    status: int = 200

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/traces", self._take, methods=["POST"]),
                Route("/v1/metrics", self._count, methods=["POST"]),
            ]
        )

    async def _take(self, request: Request) -> Response:
        if self.status != 200:
            return Response(status_code=self.status)
        told = ExportTraceServiceRequest()
        told.ParseFromString(await request.body())
        for resource in told.resource_spans:
            about = {one.key: one.value.string_value for one in resource.resource.attributes}
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                self.spans[span.name] = span
                self.services[span.name] = about["service.name"]
        answer = ExportTraceServiceResponse().SerializeToString()
        return Response(answer, media_type="application/x-protobuf")

    async def _count(self, request: Request) -> Response:
        """What is told later takes the place of what was told before: figures only rise."""
        told = ExportMetricsServiceRequest()
        told.ParseFromString(await request.body())
        for scope in (scope for one in told.resource_metrics for scope in one.scope_metrics):
            for metric in scope.metrics:
                self.points[metric.name] = list(metric.histogram.data_points)
                self.units[metric.name] = metric.unit
        answer = ExportMetricsServiceResponse().SerializeToString()
        return Response(answer, media_type="application/x-protobuf")


def told(span: Any) -> dict[str, Any]:
    """Its attributes."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}
