"""Figures of requests by OTLP, as OpenTelemetry's conventions for generative AI name them."""

from collections.abc import Callable, Sequence
from typing import Any

from fastchat import __version__
from fastchat.core.genai import Operation

# Upper bounds that the conventions advise.
_TOKENS = tuple(float(4**power) for power in range(14))
_OPERATIONS_S = tuple(0.01 * 2**power for power in range(14))
_FIRST_S = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1),
    *(0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
_PER_TOKEN_S = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
_SEND_S = 5.0


def figures(url: str, resource: Any) -> tuple[Callable[[Operation], None], Callable[[], Any]]:
    """What counts a request, and what sends the rest and ends."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    exporter = OTLPMetricExporter(f"{url}/v1/metrics", timeout=_SEND_S)
    reader = PeriodicExportingMetricReader(exporter)
    provider = MeterProvider([reader], resource, shutdown_on_exit=False)
    return _Requests(provider.get_meter("fastchat", __version__)).count, provider.shutdown


class _Requests:
    def __init__(self, meter: Any) -> None:
        def histogram(name: str, unit: str, help: str, bounds: Sequence[float]) -> Any:
            return meter.create_histogram(
                f"gen_ai.{name}", unit, help, explicit_bucket_boundaries_advisory=bounds
            )

        self._tokens = histogram(
            "client.token.usage", "{token}", "Tokens of prompts and of answers.", _TOKENS
        )
        # One figure under both names: we serve our clients, and are a client of who answers.
        self._durations = [
            histogram(name, "s", "From a request to the end of its answer.", _OPERATIONS_S)
            for name in ("client.operation.duration", "server.request.duration")
        ]
        self._first = histogram(
            "server.time_to_first_token",
            "s",
            "From a request to the first word of its stream.",
            _FIRST_S,
        )
        self._per_token = histogram(
            "server.time_per_output_token",
            "s",
            "The mean time between the tokens of a stream.",
            _PER_TOKEN_S,
        )

    def count(self, one: Operation) -> None:
        about = {"gen_ai.operation.name": one.name, "gen_ai.provider.name": "fastchat"}
        if one.model:
            about["gen_ai.request.model"] = one.model
        ended = about | ({"error.type": one.error} if one.error else {})
        for duration in self._durations:
            duration.record(one.duration_s, ended)
        if one.usage is not None:
            for kind, tokens in (
                ("input", one.usage.prompt_tokens),
                ("output", one.usage.completion_tokens),
            ):
                self._tokens.record(tokens, about | {"gen_ai.token.type": kind})
        if one.error:
            return
        if one.first_s is not None:
            self._first.record(one.first_s, about)
        if one.per_token_s is not None:
            self._per_token.record(one.per_token_s, about)
