"""Models of providers behind the API server: listed, answered, counted, replaced when they fail."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import httpx
import pytest

from fastchat.dispatch import Table
from fastchat.dispatch.routes import parse_routes
from fastchat.gateway.passage import Passage
from fastchat.protocol.cluster import TableUpdate, WorkerEntry
from fastchat.providers.endpoint import Limits
from fastchat.providers.opening import RemoteModel
from fastchat.providers.quota import Quota
from tests.apps import gateway_service, worker_app
from tests.providers import recorded
from tests.providers.fakes import Fake, endpoint
from tests.scripted import ScriptedEngine
from tests.servers import running, serving

CHAT = "/v1/chat/completions"
ASK: dict[str, Any] = {"model": "ours", "messages": [{"role": "user", "content": "hello"}]}
ROUTES = parse_routes({"fallbacks": {"ours": ["m"]}})


def _model(base: str, api_type: str = "anthropic", **values: Any) -> RemoteModel:
    one = endpoint(api_type, base, **values)
    return RemoteModel(one, Quota(one.limits, None, time.monotonic, time.time))


@asynccontextmanager
async def _serving(
    fake: Fake, table: Table, passages: list[Passage], **values: Any
) -> AsyncIterator[httpx.AsyncClient]:
    async with fake.served() as base:
        service = gateway_service(
            table,
            report=lambda _: None,
            account=passages.append,
            remote=[_model(base, **values)],
        )
        async with (
            running(service.app, endpoints=service.endpoints) as server,
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{server.config.port}", trust_env=False, timeout=30
            ) as client,
        ):
            yield client


@pytest.fixture
def table() -> Table:
    return Table(time.monotonic, Random(0), routes=ROUTES)


async def test_a_provider_answers_in_openais_dialect(table: Table, passages: list[Passage]) -> None:
    async with _serving(Fake(recorded.ANTHROPIC_TOOL), table, passages) as client:
        listed = (await client.get("/v1/models")).json()
        answer = (await client.post(CHAT, json=ASK)).json()
    assert [card["id"] for card in listed["data"]] == ["ours"]
    message = answer["choices"][0]["message"]
    assert message["content"] == "I look."
    assert message["tool_calls"][0]["function"] == {
        "name": "weather", "arguments": '{"city":"Bern"}',
    }  # fmt: skip
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert answer["usage"]["total_tokens"] == 21
    counts = passages[0].counts
    assert counts is not None
    assert (counts.prompt_tokens, counts.completion_tokens, counts.cached_tokens) == (9, 12, 4)


async def test_a_plain_text_goes_on_where_the_provider_has_completions(
    table: Table, passages: list[Passage]
) -> None:
    asked = {"model": "ours", "prompt": "def add(a, b):", "echo": True}
    async with _serving(Fake(recorded.OPENAI_PLAIN), table, passages, api_type="ollama") as client:
        listed = (await client.get("/v1/models")).json()
        answer = (await client.post("/v1/completions", json=asked)).json()
    assert {"completions", "suffix"} < set(listed["data"][0]["capabilities"])
    assert answer["choices"][0]["text"] == "def add(a, b): return a + b"
    assert answer["usage"]["total_tokens"] == 10


async def test_a_plain_text_is_refused_where_it_has_none(
    table: Table, passages: list[Passage]
) -> None:
    asked = {"model": "ours", "prompt": "def add(a, b):"}
    async with _serving(Fake(recorded.ANTHROPIC_TEXT), table, passages) as client:
        listed = (await client.get("/v1/models")).json()
        answer = await client.post("/v1/completions", json=asked)
    assert "completions" not in listed["data"][0]["capabilities"]
    assert answer.status_code == 400
    assert "ask /v1/chat/completions" in answer.json()["error"]["message"]


async def test_a_provider_streams(table: Table, passages: list[Passage]) -> None:
    async with _serving(Fake(recorded.ANTHROPIC_TEXT), table, passages) as client:
        answer = await client.post(CHAT, json=ASK | {"stream": True})
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events[:-1]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Hello there"
    assert events[-1] == "[DONE]"
    assert "fastchat-counts" not in answer.text
    assert passages[0].counts is not None
    assert passages[0].counts.completion_tokens == 12


async def test_a_full_provider_says_when_to_come_again(
    table: Table, passages: list[Passage]
) -> None:
    full = Fake(b'{"error": {"message": "slow down"}}', 429, {"retry-after": "7"})
    async with _serving(full, table, passages) as client:
        answer = await client.post(CHAT, json=ASK)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert "slow down" in answer.json()["error"]["message"]


@pytest.mark.parametrize("status", [401, 429, 500, 529])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_local_model_answers_for_a_provider_that_fails(
    table: Table, passages: list[Passage], status: int, stream: bool
) -> None:
    async with (
        serving(worker_app(ScriptedEngine(["from", " here"]))) as worker,
        _serving(Fake(b"no", status), table, passages) as client,
    ):
        table.put(WorkerEntry(address=worker, model_names=("m",), dialects=("openai",)))
        answer = await client.post(CHAT, json=ASK | {"stream": stream})
    assert answer.status_code == 200
    assert "here" in answer.text
    assert passages[0].tries == 2


async def test_a_provider_answers_for_local_workers_that_are_gone(
    passages: list[Passage],
) -> None:
    routes = parse_routes({"fallbacks": {"m": ["ours"]}})
    table = Table(time.monotonic, Random(0), routes=routes)
    async with _serving(Fake(recorded.ANTHROPIC_TEXT), table, passages) as client:
        answer = await client.post(CHAT, json=ASK | {"model": "m"})
    assert answer.json()["choices"][0]["message"]["content"] == "Hello there"


async def test_a_quota_that_is_used_up_leads_to_the_fallback(
    table: Table, passages: list[Passage]
) -> None:
    fake = Fake(recorded.ANTHROPIC_TEXT)
    limits = Limits(requests_per_minute=1)
    async with (
        serving(worker_app(ScriptedEngine(["from", " here"]))) as worker,
        _serving(fake, table, passages, limits=limits) as client,
    ):
        table.put(WorkerEntry(address=worker, model_names=("m",), dialects=("openai",)))
        said = [(await client.post(CHAT, json=ASK)).text for _ in range(2)]
    assert ["Hello there" in said[0], "from here" in said[1]] == [True, True]
    assert len(fake.asked) == 1


async def test_what_a_provider_cannot_do_is_refused_by_name(
    table: Table, passages: list[Passage]
) -> None:
    fake = Fake(recorded.ANTHROPIC_TEXT)
    async with _serving(fake, table, passages) as client:
        answer = await client.post(CHAT, json=ASK | {"seed": 1})
    assert answer.status_code == 400
    assert "seed" in answer.json()["error"]["message"]
    assert fake.asked == []


async def test_no_controller_takes_a_provider_away(table: Table, passages: list[Passage]) -> None:
    async with _serving(Fake(), table, passages) as client:
        for epoch in (1, 1, 2):
            table.apply(TableUpdate(snapshot=True, epoch=epoch))
        assert (await client.get("/v1/models")).json()["data"][0]["id"] == "ours"


async def test_a_model_for_anonymous_battles_is_not_served(
    table: Table, passages: list[Passage]
) -> None:
    async with _serving(Fake(), table, passages, anony_only=True) as client:
        assert (await client.get("/v1/models")).json()["data"] == []
