"""One trace on every way to a model: whom the API server speaks for, the old wire through the
controller, the page."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import httpx
import pytest

from fastchat.client import Neighbours
from fastchat.controller.app import create_service
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.core.errors import NoWorker
from fastchat.core.genai import Operation
from fastchat.core.generation import Chat, GenerationRequest, Message
from fastchat.core.tracing import Span, Tracing
from fastchat.dispatch import DispatchedEngine, Table
from fastchat.gateway.tracing import tracer
from fastchat.protocol.cluster import COUNTS, WorkerEntry
from fastchat.relay import Limits, Relay
from fastchat.webui.models import PageEngine
from tests.apps import gateway_service, worker_app
from tests.legacy import LegacyWorker
from tests.scripted import ScriptedEngine
from tests.servers import serving

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "hi"}]
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = {"traceparent": f"00-{TRACE}-{SPAN}-01", "x-request-id": "mine"}


@dataclass
class Heard:
    spans: list[Span] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)

    @property
    def tracing(self) -> Tracing:
        return Tracing(record=self.spans.append, measure=self.operations.append)

    def one(self, name: str) -> Span:
        (found,) = [span for span in self.spans if span.name == name]
        return found


@pytest.fixture
def heard() -> Heard:
    return Heard()


def table_of(address: str, *dialects: str) -> Table:
    table = Table(time.monotonic, Random(0), "shortest_queue")
    table.put(WorkerEntry(address=address, model_names=("m",), dialects=dialects))
    return table


def is_below(child: Span, parent: Span) -> bool:
    return child.opened.parent == parent.opened.place


@asynccontextmanager
async def page(heard: Heard, address: str) -> AsyncIterator[PageEngine]:
    neighbours = Neighbours("", None, 30)
    async with neighbours.opened():
        table = table_of(address, "openai", COUNTS)
        workers = DispatchedEngine(table, lambda _: None, neighbours.engine)
        yield PageEngine(workers, table.workers, {}, lambda _: ScriptedEngine(), heard.tracing)


def question() -> GenerationRequest:
    return GenerationRequest(id="q", model="m", prompt=Chat((Message(role="user", content="hi"),)))


async def test_a_worker_of_the_old_wire_is_spoken_for(heard: Heard) -> None:
    async with serving(LegacyWorker().app) as worker:
        tracing = heard.tracing
        service = gateway_service(
            table_of(worker), report=lambda _: None, account=tracer(tracing), tracing=tracing
        )
        async with serving(service.app) as url, httpx.AsyncClient(trust_env=False) as client:
            asked = {"model": "m", "messages": MESSAGES}
            assert (await client.post(url + CHAT, json=asked, headers=GIVEN)).status_code == 200
    whole, call = heard.one(f"POST {CHAT}"), heard.one("chat m")
    assert is_below(call, whole)
    assert (call.kind, call.told["fastchat.worker"]) == ("client", worker)
    assert whole.began <= call.began <= call.ended <= whole.ended


@pytest.mark.parametrize("path", ["/worker_generate_stream", "/worker_generate"])
async def test_the_old_wire_through_the_controller_is_one_trace(heard: Heard, path: str) -> None:
    async with serving(worker_app(ScriptedEngine(), tracing=heard.tracing)) as worker:
        pool = WorkerPool(table_of(worker, "openai"), time.monotonic, expiration_s=90)
        app = create_service(pool, Relay(Limits(silence_s=30)), Trust(None)).app
        async with serving(app) as url, httpx.AsyncClient(trust_env=False, timeout=30) as client:
            asked = {"model": "m", "prompt": "hi", "max_new_tokens": 5}
            answer = await client.post(url + path, json=asked, headers=GIVEN)
    assert b"three" in answer.content
    whole, engine = heard.one(f"worker {path}"), heard.one("engine")
    assert whole.opened.parent is not None
    assert f"{whole.opened.parent.trace_id:032x}" == TRACE
    assert is_below(engine, whole)
    assert whole.told["fastchat.request.id"] == "mine"


async def test_a_question_of_the_page_is_one_trace_with_its_worker(heard: Heard) -> None:
    async with (
        serving(worker_app(ScriptedEngine(), tracing=heard.tracing)) as worker,
        page(heard, worker) as engine,
    ):
        said = [chunk.text async for chunk in engine.generate(question())]
    assert "".join(said) == "one two three"
    ours, its = heard.one("chat m"), heard.one(f"worker {CHAT}")
    assert is_below(its, ours)
    assert ours.told["gen_ai.usage.output_tokens"] == 3
    assert {ours.told["fastchat.request.id"], its.told["fastchat.request.id"]} == {"q"}
    (operation,) = heard.operations
    assert (operation.name, operation.model, operation.error) == ("chat", "m", "")
    assert operation.first_s is not None


async def test_what_went_wrong_for_the_page_is_in_its_span(heard: Heard) -> None:
    async with page(heard, "http://127.0.0.1:9") as engine:
        with pytest.raises(NoWorker):
            [chunk async for chunk in engine.generate(question())]
    span = heard.one("chat m")
    assert (span.told["error.type"], span.error) == ("50005", "error_code 50005")
    assert heard.operations[0].error == "50005"
