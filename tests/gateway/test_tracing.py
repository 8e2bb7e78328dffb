"""One trace of a request, through the API server, a worker and its engine, to a real collector."""

import asyncio
import logging
from collections.abc import AsyncIterator
from random import Random

import httpx
import pytest

from fastchat.client.otlp import tracing
from fastchat.client.otlp_spans import HELD
from fastchat.core.config import read
from fastchat.core.errors import ConfigError
from fastchat.core.tracing import Span, Tracing
from fastchat.dispatch import Table
from fastchat.gateway import build
from fastchat.gateway.config import GatewayConfig
from fastchat.gateway.tracing import tracer
from fastchat.protocol.cluster import COUNTS, WorkerEntry
from tests.apps import gateway_service, worker_app
from tests.collector import Collector, told
from tests.scripted import ScriptedEngine
from tests.servers import free_port, running, serving, until

CHAT = "/v1/chat/completions"
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = {"traceparent": f"00-{TRACE}-{SPAN}-01", "x-request-id": "mine"}
WHOLE, WORKER = f"POST {CHAT}", f"worker {CHAT}"


@pytest.fixture
async def collector() -> AsyncIterator[tuple[Collector, str]]:
    heard = Collector()
    async with serving(heard.app()) as url:
        yield heard, url


def span_of(traces: Tracing) -> Span:
    return Span(name="x", opened=traces.open(), kind="server", began=1, ended=2, told={})


async def ask(
    traces: Tracing, at_worker: Tracing, *, below: bool, **more: object
) -> httpx.Response:
    """Through an API server and a worker, one request with a trace of its own."""
    table = Table(lambda: 0.0, Random(0), "shortest_queue")
    async with serving(worker_app(ScriptedEngine(), tracing=at_worker)) as worker:
        table.put(WorkerEntry(address=worker, model_names=("m",), dialects=("openai", COUNTS)))
        service = gateway_service(
            table, report=lambda _: None, account=tracer(traces), tracing=traces, timeout_s=60
        )
        endpoints = service.endpoints if below else {}
        async with (
            running(service.app, endpoints=endpoints) as server,
            httpx.AsyncClient(trust_env=False, timeout=60) as client,
        ):
            url = f"http://127.0.0.1:{server.config.port}{CHAT}"
            return await client.post(url, json=ASK | more, headers=GIVEN)
    raise AssertionError


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("below", [False, True])
async def test_a_request_is_one_trace(
    collector: tuple[Collector, str], stream: bool, below: bool
) -> None:
    heard, url = collector
    ours, its = tracing(url, "api", "a"), tracing(url, "worker", "w")
    assert (await ask(ours, its, below=below, stream=stream)).status_code == 200
    spans = heard.spans
    assert set(spans) == {WHOLE, WORKER, "wait for a slot", "engine"}
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE}
    assert spans[WHOLE].parent_span_id.hex() == SPAN
    assert spans[WORKER].parent_span_id == spans[WHOLE].span_id
    assert spans["engine"].parent_span_id == spans[WORKER].span_id
    assert (heard.services[WHOLE], heard.services["engine"]) == ("api", "worker")
    assert told(spans[WHOLE])["gen_ai.usage.output_tokens"] == 3
    assert {told(span)["fastchat.request.id"] for span in spans.values()} == {"mine"}


@pytest.mark.parametrize("stream", [False, True])
async def test_its_figures_have_the_names_of_the_conventions(
    collector: tuple[Collector, str], stream: bool
) -> None:
    heard, url = collector
    await ask(
        tracing(url, "api", "a"), Tracing(record=lambda span: None), below=True, stream=stream
    )
    always = {
        "gen_ai.client.token.usage",
        "gen_ai.client.operation.duration",
        "gen_ai.server.request.duration",
    }
    of_streams = {"gen_ai.server.time_to_first_token", "gen_ai.server.time_per_output_token"}
    assert set(heard.points) == (always | of_streams if stream else always)
    assert {heard.units[name] for name in heard.points} == {"s", "{token}"}
    for point in (point for points in heard.points.values() for point in points):
        about = told(point)
        assert about["gen_ai.operation.name"] == "chat"
        assert about["gen_ai.request.model"] == "m"
        assert point.count == 1
    tokens = {
        told(point)["gen_ai.token.type"]: point.sum
        for point in heard.points["gen_ai.client.token.usage"]
    }
    assert tokens["output"] == 3
    assert tokens["input"] > 0


async def test_an_error_is_told_in_its_span(collector: tuple[Collector, str]) -> None:
    heard, url = collector
    traces = tracing(url, "api", "a")
    await ask(traces, Tracing(record=lambda span: None), below=True, model="none")
    span = heard.spans[WHOLE]
    assert told(span)["http.response.status_code"] in (404, 503)
    assert told(span)["error.type"] in ("40301", "50005")
    (duration,) = heard.points["gen_ai.server.request.duration"]
    assert told(duration)["error.type"] == told(span)["error.type"]
    # Any client can name any model.
    assert "gen_ai.request.model" not in told(duration)
    assert "gen_ai.client.token.usage" not in heard.points


async def test_a_collector_that_is_away_costs_no_answer_and_no_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, "opentelemetry")
    traces = tracing(f"http://127.0.0.1:{free_port()}", "api", "a")
    answer = await asyncio.wait_for(ask(traces, traces, below=True), 60)
    assert answer.status_code == 200
    await until(lambda: traces.lost() == 4)


async def test_what_a_collector_refuses_and_what_is_too_much_is_counted(
    collector: tuple[Collector, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "opentelemetry")
    heard, url = collector
    traces, beyond = tracing(url, "api", "a"), 10
    heard.status = 400
    for _ in range(HELD + beyond):
        traces.told(span_of(traces))
    await traces.aclose()
    await until(lambda: traces.lost() >= HELD + beyond)
    # A batch that is just being taken may be counted as still held.
    assert traces.lost() <= HELD + 2 * beyond


async def test_nothing_is_traced_unless_it_is_asked_for() -> None:
    config = read(GatewayConfig, [], environ={})
    assert config.otlp_endpoint is None
    assert build._tracing(config, 0) is None
    named = read(GatewayConfig, [], environ={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"})
    assert named.otlp_endpoint == "http://c:4318"


def test_without_opentelemetry_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(ConfigError, match=r"pip install 'fschat\[otel\]'"):
        tracing("http://c:4318", "api", "a")
