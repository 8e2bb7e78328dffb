"""Streams that go on at another worker, seen by a client of the gateway."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from fastchat.core.errors import EngineFailed, OutOfMemory, ShuttingDown
from fastchat.core.generation import Chunk, GenerationRequest
from fastchat.dispatch import RetryBudget, Table
from fastchat.engines.scripted import Options, ScriptedEngine, answer
from fastchat.gateway.passage import Passage
from fastchat.protocol.cluster import COUNTS, RESUMES, Dispatched, WorkerEntry
from fastchat.protocol.error_body import error_event
from tests.apps import worker_app
from tests.servers import RawServer, read_request, serving

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
WHOLE = answer("user: hi", 64)
Cut = Callable[[list[bytes]], list[bytes]]


@dataclass
class Recorder(ScriptedEngine):
    asked: list[GenerationRequest] = field(default_factory=list)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        self.asked.append(request)
        async for chunk in super().generate(request):
            yield chunk


def engine(**options: Any) -> Recorder:
    return Recorder(Options(names=("m",), **options))


class Workers:
    def __init__(self, table: Table, stack: AsyncExitStack) -> None:
        self._table = table
        self._stack = stack

    async def add(self, engine: ScriptedEngine, *, dialects: tuple[str, ...] = ()) -> str:
        url = await self._stack.enter_async_context(serving(worker_app(engine)))
        self._know(url, dialects or ("openai", COUNTS, RESUMES))
        return url

    async def add_broken(self, *pieces: bytes, ends: bool = False) -> None:
        """Sends these pieces of a stream, each when the one before has left, and is gone."""

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(HEAD)
            for piece in pieces:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
            if ends:
                writer.write(b"0\r\n\r\n")

        port = await self._stack.enter_async_context(RawServer(script).listening())
        self._know(f"http://127.0.0.1:{port}", ("openai", COUNTS, RESUMES))

    def _know(self, url: str, dialects: tuple[str, ...]) -> None:
        self._table.put(WorkerEntry(address=url, model_names=("m",), dialects=dialects))


@pytest.fixture
async def workers(table: Table) -> AsyncIterator[Workers]:
    async with AsyncExitStack() as stack:
        yield Workers(table, stack)


async def events_of(path: str = CHAT, **more: Any) -> list[bytes]:
    """The events of a whole answer, each as its worker writes it, for `new-id`."""
    body = (ASK if path == CHAT else {"model": "m", "prompt": "user: hi", "stream": True}) | more
    headers = {"x-request-id": "new-id"}
    async with (
        serving(worker_app(engine())) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        said = (await client.post(path, json=body, headers=headers)).content
    return [event + b"\n\n" for event in said.split(b"\n\n") if event]


def chunks(response: httpx.Response) -> list[dict[str, Any]]:
    """The events of a stream that ended well."""
    *said, done = [event for event in response.text.split("\n\n") if event]
    assert done == "data: [DONE]", response.text[-500:]
    return [json.loads(event.removeprefix("data: ")) for event in said if event[0] != ":"]


def text_of(said: list[dict[str, Any]]) -> str:
    choices = [choice for chunk in said for choice in chunk["choices"]]
    return "".join(c["delta"].get("content", "") if "delta" in c else c["text"] for c in choices)


CUTS: dict[str, Cut] = {
    "after the head": lambda _: [],
    "after the role": lambda events: events[:1],
    "in the first event": lambda events: [events[0][:40]],
    "in a word": lambda events: [*events[:5], events[5][:-9]],
    "in the line's end": lambda events: [*events[:5], events[5][:-1]],
    "between its pieces": lambda events: [b"".join(events[:5])[:321], b"".join(events[:5])[321:]],
    "before the reason": lambda events: events[:-2],
    "before the end mark": lambda events: events[:-1],
    "in the end mark": lambda events: [*events[:-1], b"data: [DO"],
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("ends", [False, True], ids=["reset", "ended"])
async def test_a_stream_that_was_cut_anywhere_is_one_stream(
    gateway: httpx.AsyncClient, workers: Workers, cut: str, ends: bool
) -> None:
    events = await events_of()
    pieces = CUTS[cut](events)
    await workers.add_broken(*pieces, ends=ends)
    await workers.add(engine())
    said = chunks(await gateway.post(CHAT, json=ASK))
    assert text_of(said) == WHOLE
    assert len(said) <= len(events)
    assert {(chunk["id"], chunk["model"]) for chunk in said} == {("chatcmpl-new-id", "m")}
    assert len({chunk["created"] for chunk in said}) == 1
    deltas = [chunk["choices"][0]["delta"] for chunk in said]
    assert ["role" in delta for delta in deltas] == [True] + [False] * (len(deltas) - 1)
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in said]
    assert reasons == [None] * (len(said) - 1) + ["stop"]


async def test_a_plain_completion_goes_on_too(gateway: httpx.AsyncClient, workers: Workers) -> None:
    events = await events_of(TEXT, max_tokens=20)
    await workers.add_broken(*events[:7])
    await workers.add(engine())
    body = {"model": "m", "prompt": "user: hi", "stream": True, "max_tokens": 20}
    said = chunks(await gateway.post(TEXT, json=body))
    assert text_of(said) == answer("user: hi", 20)
    assert said[-1]["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("heard", [3, 10, 21])
async def test_limits_and_counts_are_those_of_the_whole_answer(
    gateway: httpx.AsyncClient, workers: Workers, heard: int
) -> None:
    more: dict[str, Any] = {"max_tokens": 20, "stream_options": {"include_usage": True}}
    events = await events_of(**more)
    await workers.add_broken(*events[:heard])
    await workers.add(engine())
    said = chunks(await gateway.post(CHAT, json=ASK | more))
    assert text_of(said) == answer("user: hi", 20)
    usage = said[-1]["usage"]
    counts = [usage[f"{which}_tokens"] for which in ("prompt", "completion", "total")]
    assert counts == [2, 20, 22]


async def test_the_first_word_stays_the_first_when_a_stream_moves(
    gateway: httpx.AsyncClient, workers: Workers, passages: list[Passage]
) -> None:
    events = await events_of()
    await workers.add_broken(*events[:9], error_event(EngineFailed("broke")), ends=True)
    await workers.add(engine())
    await gateway.post(CHAT, json=ASK)
    (moved,) = passages
    assert (moved.migrations, moved.first_byte_s is not None) == (1, True)
    assert (moved.first_byte_s or 0) <= moved.troubles[0].after_s < moved.total_s


async def test_an_answer_moves_three_times_and_no_more(
    gateway: httpx.AsyncClient, workers: Workers, dispatched: list[Dispatched]
) -> None:
    events = await events_of()
    for _ in range(4):
        await workers.add_broken(*events[:3])
    await workers.add(engine())
    answer = await gateway.post(CHAT, json=ASK)
    assert answer.text.count('"error"') == 2  # the error, and its type
    assert answer.text.count("[DONE]") == 0
    assert len(dispatched) == 4


@pytest.mark.parametrize("error", [ShuttingDown(), EngineFailed("broke")])
async def test_a_worker_that_says_it_cannot_go_on_is_relieved(
    gateway: httpx.AsyncClient, workers: Workers, error: EngineFailed
) -> None:
    events = await events_of()
    await workers.add_broken(*events[:9], error_event(error), ends=True)
    await workers.add(engine())
    assert text_of(chunks(await gateway.post(CHAT, json=ASK))) == WHOLE


async def test_want_of_memory_does_not_go_from_worker_to_worker(
    gateway: httpx.AsyncClient, workers: Workers, dispatched: list[Dispatched]
) -> None:
    """Fault 26: code 50002, once."""
    events = await events_of()
    await workers.add_broken(*events[:9], error_event(OutOfMemory("none left")), ends=True)
    await workers.add(engine())
    answer = await gateway.post(CHAT, json=ASK)
    last = answer.text.split("\n\n")[-2]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == 50002
    assert (answer.text.count('data: {"error"'), len(dispatched)) == (1, 1)


@pytest.mark.parametrize(
    "wish",
    [
        {"response_format": {"type": "json_object"}},
        {"guided_json": {}},
        {"guided_choice": ["a"]},
        {"n": 2},
        {"logprobs": True},
    ],
    ids=lambda wish: next(iter(wish)),
)
async def test_what_cannot_be_taken_up_ends_in_one_error(
    gateway: httpx.AsyncClient, workers: Workers, wish: dict[str, Any], dispatched: list[Dispatched]
) -> None:
    await workers.add_broken(*(await events_of())[:5])
    await workers.add(engine())
    answer = await gateway.post(CHAT, json=ASK | wish)
    *said, last = [event for event in answer.text.split("\n\n") if event]
    assert len(said) == 5
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == 50001
    assert len(dispatched) == 1


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"created":1,"choices":[{"index":0,"delta":{"tool_calls":[{"index":0}]}}]}\n\n',
        b'data: {"created":1,"choices":[{"index":1,"delta":{"content":"a"}}]}\n\n',
        b"\xff\xfe\x00 no event\n\n",
        b"data: {\n\n",
    ],
    ids=["tool call", "second choice", "garbage", "half"],
)
async def test_what_is_not_understood_is_not_taken_up(
    gateway: httpx.AsyncClient, workers: Workers, event: bytes, dispatched: list[Dispatched]
) -> None:
    await workers.add_broken(*(await events_of())[:3], event)
    await workers.add(engine())
    answer = await gateway.post(CHAT, json=ASK)
    assert b"[DONE]" not in answer.content
    assert b'"code":50001' in answer.content
    assert len(dispatched) == 1


async def test_a_worker_that_does_not_declare_it_is_not_asked(
    gateway: httpx.AsyncClient, workers: Workers
) -> None:
    other = engine()
    await workers.add_broken(*(await events_of())[:3])
    await workers.add(other, dialects=("openai",))
    assert b'"code":50001' in (await gateway.post(CHAT, json=ASK)).content
    assert other.asked == []


async def test_without_a_budget_no_stream_goes_on(
    gateway: httpx.AsyncClient, workers: Workers, table: Table
) -> None:
    table.budget = RetryBudget(share=0, least=0)
    other = engine()
    await workers.add_broken(*(await events_of())[:3])
    await workers.add(other)
    assert b'"code":50001' in (await gateway.post(CHAT, json=ASK)).content
    assert other.asked == []


async def test_the_slots_of_all_workers_are_free_afterwards(
    gateway: httpx.AsyncClient, workers: Workers, table: Table
) -> None:
    await workers.add_broken(*(await events_of())[:3])
    await workers.add(engine())
    chunks(await gateway.post(CHAT, json=ASK))
    assert all(load == 0 for load in table.choose("m").dispatched.queue_lens)
    assert table.may_retry()
