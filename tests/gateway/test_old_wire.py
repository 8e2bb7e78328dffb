"""Workers of 0.2.36 behind our API server."""

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from openai import AsyncOpenAI

from fastchat.core.generation import Engine
from fastchat.dispatch import Table
from fastchat.gateway.old_wire import OldWire
from fastchat.protocol.cluster import Dispatched, WorkerEntry
from fastchat.relay.connection import Receiver
from tests.gateway.conftest import SHORT_SILENCE
from tests.legacy import LegacyWorker, telling
from tests.servers import RawServer, free_port, read_request, serving, until

CHAT = "/v1/chat/completions"
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"

TOLD = {"text": "oom", "error_code": 50002}

AddWorker = Callable[[str], None]


@pytest.fixture
def add_old(table: Table) -> AddWorker:
    def add(url: str) -> None:
        table.put(WorkerEntry(address=url, model_names=("m",)))

    return add


def events(answer: httpx.Response) -> list[Any]:
    lines = [line[6:] for line in answer.text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


async def test_a_plain_answer_has_the_shape_of_our_own_workers(
    gateway: httpx.AsyncClient, add_old: AddWorker, dispatched: list[Dispatched]
) -> None:
    async with serving(LegacyWorker().app) as url:
        add_old(url)
        answer = (await gateway.post(CHAT, json=ASK, headers={"x-request-id": "7"})).json()
    assert (answer["id"], answer["created"]) == ("chatcmpl-7", 5)
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "one two"}
    assert answer["usage"]["total_tokens"] == 9
    assert [one.ret for one in dispatched] == [url]


async def test_a_stream_has_role_text_reason_and_done(
    gateway: httpx.AsyncClient, add_old: AddWorker
) -> None:
    async with serving(LegacyWorker().app) as url:
        add_old(url)
        answer = await gateway.post(CHAT, json=ASK | {"stream": True})
    *chunks, done = events(answer)
    assert answer.headers["content-type"] == "text/event-stream"
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "one"},
        {"content": " two"},
        {},
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert done == "[DONE]"


async def test_completions_go_as_they_come_and_may_be_several(
    gateway: httpx.AsyncClient, add_old: AddWorker
) -> None:
    worker = LegacyWorker()
    async with serving(worker.app) as url:
        add_old(url)
        ask = {"model": "m", "prompt": ["a", "b"], "n": 2, "echo": True}
        answer = (await gateway.post("/v1/completions", json=ask)).json()
    texts = [choice["text"] for choice in answer["choices"]]
    assert texts == ["aone two", "aone two", "bone two", "bone two"]
    assert worker.asked("/worker_generate_stream")[0]["max_new_tokens"] == 16


async def test_todays_sdk_sees_no_difference(
    gateway: httpx.AsyncClient, add_old: AddWorker
) -> None:
    async with serving(LegacyWorker().app) as url:
        add_old(url)
        base_url = f"{gateway.base_url}/v1"
        async with AsyncOpenAI(base_url=base_url, api_key="x") as client:
            stream = await client.chat.completions.create(**ASK, stream=True)
            said = [chunk.choices[0].delta.content async for chunk in stream]
            found = await client.embeddings.create(model="m", input=["a", "bb"])
    assert "".join(text or "" for text in said) == "one two"
    assert [one.embedding for one in found.data] == [[1.0, 0.0], [2.0, 0.0]]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_dead_old_worker_is_passed_over(
    gateway: httpx.AsyncClient, add_old: AddWorker, dispatched: list[Dispatched], stream: bool
) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    add_old(dead)
    async with serving(LegacyWorker().app) as url:
        add_old(url)
        answer = await gateway.post(CHAT, json=ASK | {"stream": stream})
    assert answer.status_code == 200
    assert [one.ret for one in dispatched] == [dead, url]


async def test_an_old_worker_that_breaks_off_first_is_replaced_by_one_of_ours(
    gateway: httpx.AsyncClient, add_old: AddWorker, add_worker: AddWorker
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(PLAIN)

    breaking = LegacyWorker(messages=[], breaks=True)
    async with serving(breaking.app) as old, RawServer(script).listening() as ours:
        add_old(old)
        add_worker(f"http://127.0.0.1:{ours}")
        assert (await gateway.post(CHAT, json=ASK)).content == b"{}"


@pytest.mark.parametrize(
    ("worker", "code"),
    [
        (LegacyWorker(messages=telling("a", reason=None), breaks=True), 50001),
        (
            LegacyWorker(
                messages=[*telling("a", reason=None), {"text": "oom", "error_code": 50002}]
            ),
            50002,
        ),
    ],
    ids=["broken off", "told"],
)
async def test_a_stream_that_fails_ends_in_one_error(
    gateway: httpx.AsyncClient, add_old: AddWorker, worker: LegacyWorker, code: int
) -> None:
    async with serving(worker.app) as url:
        add_old(url)
        answer = await gateway.post(CHAT, json=ASK | {"stream": True})
    *_, chunk, last = events(answer)
    assert chunk["choices"][0]["delta"] == {"content": "a"}
    assert (last["error"]["code"], last["error_code"]) == (code, code)


async def test_an_error_before_the_first_word_has_its_status(
    gateway: httpx.AsyncClient, add_old: AddWorker
) -> None:
    worker = LegacyWorker(messages=[{"text": "no", "error_code": 40302}])
    async with serving(worker.app) as url:
        add_old(url)
        answer = await gateway.post("/api/v1/chat/completions", json=ASK | {"stream": True})
    assert answer.status_code == 400
    assert (answer.json()["error_code"], answer.json()["text"]) == (40302, "no")


async def test_a_request_that_makes_no_sense_asks_no_worker(
    gateway: httpx.AsyncClient, add_old: AddWorker
) -> None:
    worker = LegacyWorker()
    async with serving(worker.app) as url:
        add_old(url)
        bad = await gateway.post(CHAT, json=ASK | {"temperature": 9})
        unable = await gateway.post(CHAT, json=ASK | {"seed": 1})
    assert (bad.status_code, bad.json()["error"]["param"]) == (400, "temperature")
    assert (unable.status_code, unable.json()["error"]["param"]) == (400, "seed")
    assert worker.calls == []


@SHORT_SILENCE
async def test_a_silent_old_worker_is_a_timeout(
    gateway: httpx.AsyncClient, add_old: AddWorker
) -> None:
    async with serving(LegacyWorker(held=asyncio.Event()).app) as url:
        add_old(url)
        answer = await gateway.post(CHAT, json=ASK)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, 50006)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_stops_the_old_worker_and_its_hold(
    gateway: httpx.AsyncClient, add_old: AddWorker, table: Table, stream: bool
) -> None:
    worker = LegacyWorker(held=asyncio.Event())
    async with serving(worker.app) as url:
        add_old(url)
        task = asyncio.create_task(gateway.post(CHAT, json=ASK | {"stream": stream}))
        await until(lambda: worker.generating)
        assert table.choose("m").dispatched.queue_lens == (1.0,)
        task.cancel()
        await until(lambda: worker.generating == 0)
        await until(lambda: table.choose("m").dispatched.queue_lens == (0.0,))


async def test_rerank_is_no_word_of_theirs(gateway: httpx.AsyncClient, add_old: AddWorker) -> None:
    async with serving(LegacyWorker().app) as url:
        add_old(url)
        ask = {"model": "m", "query": "q", "documents": ["a"]}
        answer = await gateway.post("/v1/rerank", json=ask)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "rerank")


async def test_embeddings_by_both_paths(gateway: httpx.AsyncClient, add_old: AddWorker) -> None:
    worker = LegacyWorker()
    async with serving(worker.app) as url:
        add_old(url)
        named = await gateway.post("/v1/embeddings", json={"model": "m", "input": "abc"})
        by_path = await gateway.post("/v1/engines/m/embeddings", json={"input": "abc"})
        assert named.json() == by_path.json()
        assert named.json()["data"][0]["embedding"] == [3.0, 0.0]
        worker.missing = ["/worker_get_embeddings"]
        unable = await gateway.post("/v1/embeddings", json={"model": "m", "input": "abc"})
    assert (unable.status_code, unable.json()["error"]["param"]) == (400, "embeddings")


async def test_tokens_are_counted_at_an_old_worker_once_a_model_for_the_context(
    gateway: httpx.AsyncClient, add_old: AddWorker, dispatched: list[Dispatched]
) -> None:
    worker = LegacyWorker()
    prompts = [{"model": "m", "prompt": "a b", "max_tokens": 5}] * 3
    async with serving(worker.app) as url:
        add_old(url)
        answer = await gateway.post("/api/v1/token_check", json={"prompts": prompts})
    fits = {"fits": True, "tokenCount": 2, "contextLength": 2048}
    assert answer.json() == {"prompts": [fits] * 3}
    assert len(worker.asked("/model_details")) == 1
    assert [one.ret for one in dispatched] == [url]


async def test_what_nobody_foresaw_is_told_to_the_client_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken:
        model_names = ("m",)

    heard: list[object] = []
    receiver = SimpleNamespace(
        head=lambda status, headers: heard.append(status),
        body=lambda data: heard.append(json.loads(data)["error"]["code"]),
        end=lambda: heard.append("end"),
        fault=heard.append,
    )
    wire = OldWire(lambda entry: cast(Engine, Broken()), lambda: 5)
    worker = WorkerEntry(address="http://a", model_names=("m",))
    body = json.dumps(ASK).encode()
    wire.ask(cast(Receiver, receiver), CHAT.encode(), worker, model="m", id="1", body=body)
    await until(lambda: "end" in heard)
    assert heard == [500, 50001, "end"]
    assert "AttributeError" in caplog.text


async def test_a_stream_goes_on_at_another_old_worker_from_the_text_so_far(
    gateway: httpx.AsyncClient, add_old: AddWorker
) -> None:
    lost = LegacyWorker(messages=telling("one", " two", reason=None), breaks=True)
    other = LegacyWorker(messages=telling(" three"))
    async with serving(lost.app) as first, serving(other.app) as second:
        add_old(first)
        add_old(second)
        more = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 9}
        *said, usage, done = events(await gateway.post(CHAT, json=ASK | more))
    deltas = [chunk["choices"][0]["delta"] for chunk in said]
    assert "".join(delta.get("content", "") for delta in deltas) == "one two three"
    assert ["role" in delta for delta in deltas] == [True] + [False] * (len(deltas) - 1)
    before, after = (w.asked("/worker_generate_stream")[0] for w in (lost, other))
    assert after["prompt"] == before["prompt"] + "one two"
    assert after["max_new_tokens"] == before["max_new_tokens"] - 2
    assert (usage["usage"]["completion_tokens"], done) == (3, "[DONE]")


NONSENSE = [
    pytest.param([], b"<html>\0", id="no JSON"),
    pytest.param([{"text": "oom", "error_code": "50001"}], b"", id="a code that is a word"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("messages", "tail"), NONSENSE)
async def test_an_old_worker_that_speaks_nonsense_is_said_to(
    gateway: httpx.AsyncClient,
    add_old: AddWorker,
    messages: list[dict[str, Any]],
    tail: bytes,
    stream: bool,
) -> None:
    async with serving(LegacyWorker(messages=messages, tail=tail).app) as url:
        add_old(url)
        answer = await gateway.post(CHAT, json=ASK | {"stream": stream})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, 50001)
    assert "made no sense" in answer.json()["error"]["message"]


async def test_where_one_speaks_nonsense_another_is_asked(
    gateway: httpx.AsyncClient, add_old: AddWorker, dispatched: list[Dispatched]
) -> None:
    nonsense = LegacyWorker(messages=[], tail=b"<html>\0")
    async with serving(nonsense.app) as first, serving(LegacyWorker().app) as second:
        add_old(first)
        add_old(second)
        answer = await gateway.post(CHAT, json=ASK)
    assert answer.status_code == 200
    assert [one.ret for one in dispatched] == [first, second]
