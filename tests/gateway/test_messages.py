"""Anthropic's Messages over HTTP, both ways through the gateway, with workers of ours behind."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from random import Random
from typing import Any

import httpx
import pytest

from fastchat.core.errors import EngineFailed, Overloaded
from fastchat.core.generation import Engine
from fastchat.dispatch import Table
from fastchat.engines.scripted import Options
from fastchat.engines.scripted import ScriptedEngine as Scripted
from fastchat.gateway.config import RELAYS
from fastchat.gateway.keys import KeyRing
from fastchat.gateway.passage import Passage
from fastchat.protocol.cluster import COUNTS, RESUMES, WorkerEntry
from tests.apps import gateway_service, worker_app
from tests.scripted import ScriptedEngine
from tests.servers import running, serving, until

ASK: dict[str, Any] = {
    "model": "m",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "hi"}],
}
WEATHER = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
KEY = {"x-api-key": "sk-1"}


@pytest.fixture
def engine() -> Engine:
    return ScriptedEngine()


@pytest.fixture(params=RELAYS)
async def api(
    request: pytest.FixtureRequest, engine: Engine, passages: list[Passage]
) -> AsyncIterator[httpx.AsyncClient]:
    table = Table(lambda: 0.0, Random(0))
    service = gateway_service(
        table, report=lambda _: None, keys=KeyRing.of(["sk-1"]), account=passages.append
    )
    below = service.endpoints if request.param == "below-asgi" else {}
    async with (
        serving(worker_app(engine)) as url,
        running(service.app, endpoints=below) as server,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{server.config.port}", headers=KEY, trust_env=False
        ) as client,
    ):
        dialects = ("openai", COUNTS, RESUMES)
        table.put(WorkerEntry(address=url, model_names=("m",), dialects=dialects))
        yield client


async def ask(api: httpx.AsyncClient, **more: object) -> httpx.Response:
    return await api.post("/v1/messages", json=ASK | more)


def events(text: str) -> list[Any]:
    """The name in front of each event is its type."""
    found = []
    for event in filter(None, text.split("\n\n")):
        name, data = event.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def grown(told: Iterable[Any], kind: str, key: str) -> str:
    deltas = [one["delta"] for one in told if one["type"] == "content_block_delta"]
    return "".join(delta[key] for delta in deltas if delta["type"] == kind)


async def test_a_whole_answer(api: httpx.AsyncClient, passages: list[Passage]) -> None:
    answer = await api.post("/v1/messages", json=ASK, headers={"x-request-id": "r1"})
    assert answer.json() == {
        "id": "msg_r1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "one two three"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 7,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 3,
        },
    }
    assert answer.headers["request-id"] == "r1"
    assert passages[0].counts is not None
    assert passages[0].counts.completion_tokens == 3


async def test_a_stream_is_blocks_that_begin_grow_and_end(api: httpx.AsyncClient) -> None:
    answer = await ask(api, stream=True)
    assert answer.headers["content-type"] == "text/event-stream"
    told = events(answer.text)
    kinds = [one["type"] for one in told]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[2:-3] == ["content_block_delta"] * 3
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert grown(told, "text_delta", "text") == "one two three"
    assert told[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert (told[-2]["usage"]["input_tokens"], told[-2]["usage"]["output_tokens"]) == (7, 3)


async def test_what_is_asked_reaches_the_engine(
    api: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    engine.features |= {"top_k"}
    await ask(api, system="Be kind.", stop_sequences=["x"], top_k=5, temperature=0.5)
    [asked] = engine.asked
    assert (asked.max_tokens, asked.stop) == (50, ("x",))
    assert (asked.sampling.top_k, asked.sampling.temperature) == (5, 0.5)
    said = [(one.role, one.text) for one in asked.prompt.messages]  # type: ignore[union-attr]
    assert said == [("system", "Be kind."), ("user", "hi")]


REFUSED: Sequence[tuple[dict[str, str], dict[str, object], int, str]] = [
    ({"x-api-key": "wrong"}, {}, 401, "authentication_error"),
    ({}, {"model": "other"}, 404, "not_found_error"),
    ({}, {"max_tokens": 0}, 400, "invalid_request_error"),
    ({}, {"messages": "hi"}, 400, "invalid_request_error"),
    ({}, {"tools": [{"type": "bash_20250124", "name": "bash"}]}, 400, "invalid_request_error"),
    ({}, {"tools": [WEATHER]}, 400, "invalid_request_error"),  # the engine has none
    ({}, {"container": "c"}, 400, "invalid_request_error"),
    ({}, {"system": "x" * 100_000}, 413, "request_too_large"),
]


async def test_errors_have_anthropics_shape(api: httpx.AsyncClient) -> None:
    for headers, change, status, kind in REFUSED:
        answer = await api.post("/v1/messages", json=ASK | change, headers=headers)
        said = answer.json()
        assert (answer.status_code, said["type"], said["error"]["type"]) == (status, "error", kind)
        assert said["error"]["message"]
        assert said["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize("depth", [500, 990, 5000])
async def test_what_is_nested_too_deeply_is_said_once(api: httpx.AsyncClient, depth: int) -> None:
    call = b'{"type":"tool_use","id":"a","name":"f","input":{"x":%b%b}}'
    deep = call % (b"[" * depth, b"]" * depth)
    said = b'{"model":"m","max_tokens":5,"messages":[{"role":"assistant","content":[%b]}]}' % deep
    answer = await api.post("/v1/messages", content=said)
    assert answer.status_code in (200, 400)
    assert (await ask(api)).status_code == 200


async def test_to_be_overloaded_has_a_status_of_its_own(
    api: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    engine.failure = Overloaded("Full.", retry_after_s=3)
    answer = await ask(api)
    assert (answer.status_code, answer.json()["error"]["type"]) == (529, "overloaded_error")
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_stream_that_breaks_ends_in_one_error_event(
    api: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    engine.failure, engine.fails_at = EngineFailed("Broken."), 1
    told = events((await ask(api, stream=True)).text)
    assert [one["type"] for one in told[-2:]] == ["content_block_delta", "error"]
    assert told[-1]["error"]["type"] == "api_error"


async def test_a_client_that_leaves_frees_its_slot(
    api: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    engine.held, engine.held_from = asyncio.Event(), 1
    async with api.stream("POST", "/v1/messages", json=ASK | {"stream": True}) as answer:
        await anext(answer.aiter_lines())
        assert engine.running == 1
    await until(lambda: engine.running == 0)


async def test_tokens_are_counted(api: httpx.AsyncClient) -> None:
    body = {"model": "m", "messages": ASK["messages"], "system": "Be kind."}
    counted = await api.post("/v1/messages/count_tokens", json=body)
    assert counted.json() == {"input_tokens": 6}
    refused = await api.post("/v1/messages/count_tokens", json={"model": "m"})
    assert (refused.status_code, refused.json()["type"]) == (400, "error")


@pytest.mark.parametrize("engine", [Scripted(Options(names=("m",)))])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_is_called_and_its_result_is_answered(
    api: httpx.AsyncClient, stream: bool
) -> None:
    answer = await ask(api, tools=[WEATHER], tool_choice={"type": "any"}, stream=stream)
    if stream:
        told = events(answer.text)
        [start] = [one for one in told if one["type"] == "content_block_start"]
        called = start["content_block"]
        called["input"] = json.loads(grown(told, "input_json_delta", "partial_json"))
        assert told[-2]["delta"]["stop_reason"] == "tool_use"
    else:
        [called] = answer.json()["content"]
        assert answer.json()["stop_reason"] == "tool_use"
    assert (called["type"], called["name"]) == ("tool_use", "weather")
    assert set(called["input"]) == {"city"}
    result = {"type": "tool_result", "tool_use_id": called["id"], "content": "17 degrees"}
    messages = [
        *ASK["messages"],
        {"role": "assistant", "content": [called]},
        {"role": "user", "content": [result]},
    ]
    last = (await ask(api, messages=messages, tools=[WEATHER])).json()
    assert "17 degrees" in last["content"][0]["text"]


@pytest.mark.parametrize("engine", [Scripted(Options(names=("m",)))])
async def test_an_answer_that_is_begun_goes_on(api: httpx.AsyncClient) -> None:
    begun = [*ASK["messages"], {"role": "assistant", "content": "Well,"}]
    answer = await ask(api, messages=begun, max_tokens=3)
    assert answer.json()["stop_reason"] == "max_tokens"
