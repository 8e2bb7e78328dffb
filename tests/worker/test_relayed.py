"""A worker whose engine answers over HTTP: real child, real sockets, both ways in."""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from fastchat.core.tracing import Span, Tracing, place_of
from fastchat.engines.served.engine import CountingEngine
from fastchat.engines.served.keeping import Started
from fastchat.relay import Limits, Relay
from fastchat.worker.admission import Admission
from fastchat.worker.app import Collaborators, create_service
from fastchat.worker.relaying import Relaying
from fastchat.worker.shell import Shell
from tests.engines.served.children import IMPATIENT, options
from tests.servers import running, until

CHAT = "/v1/chat/completions"


@dataclass
class Worker:
    client: httpx.AsyncClient
    shell: Shell
    keeping: Started

    @property
    def pid(self) -> int:
        assert self.keeping._process is not None
        return self.keeping._process.pid

    async def seen(self) -> Any:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"{self.keeping.state.url}/seen")).json()


@asynccontextmanager
async def worker_of(
    *arguments: str, token: str | None = None, asgi: bool, tracing: Tracing | None = None
) -> AsyncIterator[Worker]:
    given = options(*arguments, slots=2)
    keeping = Started(given, IMPATIENT)
    engine = CountingEngine(given, keeping)
    admission = Admission(2, 1, asyncio.get_running_loop().time)
    shell = Shell(engine, admission, stream_interval=1)
    relaying = Relaying(
        shell=shell,
        engine=engine,
        relay=Relay(Limits()),
        token=token,
        max_body_bytes=10_000,
        new_id=lambda: "id",
        wall_clock=lambda: 1,
        tracing=tracing,
    )
    service = create_service(
        Collaborators(
            shell=shell,
            announce=None,
            token=token,
            max_body_bytes=10_000,
            wall_clock=lambda: 1,
            new_id=lambda: "id",
            relaying=relaying,
            tracing=tracing,
        )
    )
    below = {} if asgi else service.endpoints
    async with (
        running(service.app, endpoints=below) as server,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{server.config.port}", trust_env=False, timeout=20
        ) as client,
    ):
        await until(lambda: keeping.state.url)
        yield Worker(client, shell, keeping)


@pytest.fixture(params=["below", "asgi"])
async def worker(request: pytest.FixtureRequest) -> AsyncIterator[Worker]:
    async with worker_of("--pace-s", "0.005", asgi=request.param == "asgi") as one:
        yield one


def chat(text: str = "hi", **more: object) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], "max_tokens": 4} | more


async def stream(
    worker: Worker, body: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    async with worker.client.stream("POST", CHAT, json=body, headers=headers) as answer:
        return answer.status_code, (await answer.aread()).decode()


async def test_a_plain_answer_keeps_every_field(worker: Worker) -> None:
    answer = await worker.client.post(
        CHAT, json=chat(tools=[{"x": 1}], whatever=2), headers={"x-fastchat-counts": "1"}
    )
    assert answer.json()["extra"] == 1
    assert answer.headers["x-fastchat-counts"] == "3 1 0"
    assert re.fullmatch(r"queue;dur=[\d.]+, worker;dur=[\d.]+", answer.headers["server-timing"])
    seen = await worker.seen()
    body = json.loads(seen["body"])
    assert body["tools"] == [{"x": 1}]
    assert body["whatever"] == 2
    assert seen["authorization"] == f"Bearer {worker.keeping.key}"
    assert worker.shell.meter.tokens == 1


@pytest.mark.parametrize("asgi", [False, True])
async def test_a_trace_goes_on_in_the_engine(asgi: bool) -> None:
    spans: list[Span] = []
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with worker_of(asgi=asgi, tracing=Tracing(record=spans.append)) as worker:
        await stream(worker, chat(stream=True), {"traceparent": given, "x-request-id": "mine"})
        await until(lambda: len(spans) == 3)
        seen = (await worker.seen())["traceparent"]
    whole, waiting, engine = spans
    assert (whole.opened.parent, engine.told["fastchat.request.id"]) == (
        place_of(given.encode()),
        "mine",
    )
    assert waiting.opened.parent == engine.opened.parent == whole.opened.place
    assert seen.encode() == engine.opened.place.header


async def test_a_caller_s_trace_stays_here_when_none_is_kept(worker: Worker) -> None:
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await stream(worker, chat(stream=True), {"traceparent": given})
    assert (await worker.seen())["traceparent"] == ""


async def test_a_stream_passes_and_its_counts_are_for_who_asked(worker: Worker) -> None:
    status, said = await stream(worker, chat(stream=True), {"x-fastchat-counts": "1"})
    assert (status, said.count("reasoning")) == (200, 4)
    assert said.endswith("data: [DONE]\n\n: fastchat-counts 3 4 0\n\n")
    assert '"usage"' not in said
    wanted = chat(stream=True, stream_options={"include_usage": True})
    _, said = await stream(worker, wanted)
    assert '"usage"' in said
    assert "fastchat-counts" not in said


async def test_options_that_make_no_sense_are_for_the_engine_to_refuse(worker: Worker) -> None:
    status, _ = await stream(worker, chat(stream=True, stream_options="all"))
    assert status == 200  # this one takes anything
    assert json.loads((await worker.seen())["body"])["stream_options"] == "all"


async def test_what_the_engine_refuses_has_our_shape(worker: Worker) -> None:
    answer = await worker.client.post(CHAT, json=chat("refuse"))
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "message": "tools need --enable-auto-tool-choice",
        "type": "invalid_request_error",
        "param": "tools",
        "code": 40001,
    }


async def test_another_model_is_refused_here(worker: Worker) -> None:
    answer = await worker.client.post(CHAT, json=chat() | {"model": "n"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, 40301)
    assert (await worker.client.post(CHAT, content=b"{")).status_code == 400


async def test_a_stream_ends_with_one_error_when_its_engine_is_killed(worker: Worker) -> None:
    _, said = await stream(worker, chat("die", stream=True))
    assert said.count("data: ") == 3
    last = json.loads(said.split("data: ")[-1])
    assert last["error"]["code"] == 50001
    assert "SIGKILL" in last["error"]["message"]
    assert (await worker.client.get("/ready")).status_code == 503
    assert worker.shell.admission.queue_length == 0
    await until(lambda: worker.keeping.state.url)
    assert (await stream(worker, chat(stream=True)))[0] == 200


async def test_want_of_memory_has_its_code(worker: Worker) -> None:
    _, said = await stream(worker, chat("oom", stream=True))
    assert json.loads(said.split("data: ")[-1])["error"]["code"] == 50002


async def test_an_error_inside_a_stream_is_the_last_event(worker: Worker) -> None:
    _, said = await stream(worker, chat("broken", stream=True))
    assert json.loads(said.split("data: ")[-1])["error"]["message"] == "the engine tripped"


async def test_while_the_engine_is_away_others_are_to_be_asked(worker: Worker) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    await until(lambda: worker.keeping.state.url is None)
    answer = await worker.client.post(CHAT, json=chat())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "SIGKILL" in (await worker.client.get("/ready")).json()["reason"]


async def test_who_leaves_frees_the_slot_and_the_engine(worker: Worker) -> None:
    async with worker.client.stream("POST", CHAT, json=chat("silent", stream=True)) as answer:
        await anext(answer.aiter_bytes())
        assert worker.shell.admission.running == 1
    await until(lambda: worker.shell.admission.running == 0)
    await until(lambda: worker.shell.queue_length == 0)


async def test_slots_are_bounded_and_come_back(worker: Worker) -> None:
    silent = [asyncio.create_task(stream(worker, chat("silent", stream=True))) for _ in range(3)]
    await until(lambda: worker.shell.admission.queue_length == 3)
    answer = await worker.client.post(CHAT, json=chat())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, 42903)
    for task in silent:
        task.cancel()
    await asyncio.gather(*silent, return_exceptions=True)
    await until(lambda: worker.shell.admission.queue_length == 0)


async def test_a_deadline_ends_what_waits_and_what_runs(worker: Worker) -> None:
    limit = {"x-request-timeout": "0.2"}
    status, said = await stream(worker, chat("silent", stream=True), limit)
    assert json.loads(said.split("data: ")[-1])["error"]["code"] == 50006
    assert status == 200


async def test_the_rest_of_another_workers_answer_comes_from_here(worker: Worker) -> None:
    body = chat(stream=True, continued={"text": "w0 ", "created": 77})
    _, said = await stream(worker, body, {"x-request-id": "r1", "x-fastchat-counts": "1"})
    events = [line for line in said.splitlines() if line.startswith("data: {")]
    assert {json.loads(event[6:])["created"] for event in events} == {77}
    assert "chatcmpl-r1" in events[0]
    assert "data: [DONE]" in said
    seen = json.loads((await worker.seen())["body"])
    assert seen["messages"][-1] == {"role": "assistant", "content": "w0 "}
    assert (seen["continue_final_message"], seen["add_generation_prompt"]) == (True, False)


async def test_the_old_wire_is_served_from_the_same_engine(worker: Worker) -> None:
    body = {"model": "m", "prompt": "P", "max_new_tokens": 3, "echo": False}
    answer = await worker.client.post("/worker_generate_stream", json=body)
    assert answer.content.endswith(b"\0")
    assert json.loads(answer.content.split(b"\0")[-2])["finish_reason"] == "length"
    details = (await worker.client.post("/model_details")).json()
    assert details["context_length"] == 512


@pytest.mark.parametrize("asgi", [False, True], ids=["below", "asgi"])
async def test_a_cluster_token_is_asked_for_on_every_way_in(asgi: bool) -> None:
    async with worker_of(token="t", asgi=asgi) as one:
        assert (await one.client.post(CHAT, json=chat())).status_code == 401
        shown = {"authorization": "Bearer t"}
        assert (await one.client.post(CHAT, json=chat(), headers=shown)).status_code == 200


async def test_an_engine_does_not_fetch_what_a_request_names(worker: Worker) -> None:
    part = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest"}}
    asked = chat() | {"messages": [{"role": "user", "content": [part]}]}
    refused = await worker.client.post(CHAT, json=asked)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "messages")
    part["image_url"] = {"url": "data:image/png;base64,AAAA"}
    assert (await worker.client.post(CHAT, json=asked)).status_code == 200


IMAGE = {"type": "image_url", "image_url": {"url": "http://10.0.0.1/"}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/responses", {"input": [{"content": [{"image_url": "http://169.254.169.254/"}]}]}),
        ("/v1/messages", {"messages": [{"content": [{"source": {"url": "http://10.0.0.1/"}}]}]}),
        ("/v1/rerank", {"documents": {"content": [{"image_url": {"url": "http://10.0.0.1/"}}]}}),
        ("/v1/embeddings", {"input": [{"text": "x"}, {"image": "http://10.0.0.1/"}]}),
        ("/tokenize", {"messages": [{"role": "user", "content": [IMAGE]}]}),
        ("/v1/score", {"data_1": {"content": [{"video_url": {"url": "file:///etc/passwd"}}]}}),
    ],
)
async def test_nor_in_any_other_dialect(worker: Worker, path: str, body: dict[str, object]) -> None:
    refused = await worker.client.post(path, json={"model": "m"} | body)
    assert refused.status_code == 400
    assert "--engine-fetches-media" in refused.json()["error"]["message"]


async def test_nor_of_a_body_that_only_the_engine_reads_to_its_end(worker: Worker) -> None:
    part = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest"}}
    asked = chat() | {"messages": [{"role": "user", "content": [part]}]}
    body = json.dumps(asked).encode()[:-1] + b', "x": 1e400}'
    assert (await worker.client.post(CHAT, content=body)).status_code == 400
