import asyncio
import json
import logging
import re
from ast import literal_eval
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256

import httpx
import pytest

from fastchat.core.generation import Usage
from fastchat.dispatch import Table
from fastchat.gateway.keys import KeyRing
from fastchat.gateway.passage import Passage, escaped, log
from fastchat.protocol.cluster import WorkerEntry
from fastchat.relay.work import Head
from tests.apps import gateway_service, worker_app
from tests.scripted import ScriptedEngine
from tests.servers import RawServer, connected, free_port, read_request, serving, until

CHAT = "/v1/chat/completions"
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}

AddWorker = Callable[[str], None]


@pytest.fixture
async def worker(add_worker: AddWorker) -> AsyncIterator[str]:
    async with serving(worker_app(ScriptedEngine())) as url:
        add_worker(url)
        yield url


@pytest.mark.parametrize("stream", [False, True])
async def test_tokens_are_counted_beside_the_answer(
    gateway: httpx.AsyncClient, worker: str, passages: list[Passage], stream: bool
) -> None:
    answer = await gateway.post(CHAT, json=ASK | {"stream": stream, "n": 2})
    (passage,) = passages
    assert passage.counts == Usage(prompt_tokens=14, completion_tokens=6)
    assert (passage.model, passage.worker, passage.tries) == ("m", worker, 1)
    assert "fastchat-counts" not in answer.text + str(answer.headers)
    assert not stream or answer.text.endswith("data: [DONE]\n\n")


EVENT = b'data: {"id":"a","created":1,"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
USAGE = b'{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}'
EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@asynccontextmanager
async def foreign(table: Table, *, stream: bool) -> AsyncIterator[list[bytes]]:
    """An OpenAI server that knows nothing of us, as a worker; what it was asked."""
    asked: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await read_request(reader)
            asked.append(head + body)
            sent = EVENT + b"data: " + USAGE + b"\n\ndata: [DONE]\n\n"
            if stream:
                pieces = (sent[:150], sent[150:])
                chunks = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces)
                writer.write(EVENTS + chunks + b"0\r\n\r\n")
            else:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(USAGE) + USAGE)

    async with RawServer(script).listening() as port:
        url = f"http://127.0.0.1:{port}"
        table.put(WorkerEntry(address=url, model_names=("m",), dialects=("openai",)))
        yield asked


@pytest.mark.parametrize("wanted", [False, True])
async def test_a_server_that_is_not_ours_is_asked_for_its_counts_in_the_body(
    gateway: httpx.AsyncClient, table: Table, passages: list[Passage], wanted: bool
) -> None:
    options = {"stream_options": {"include_usage": True}} if wanted else {}
    async with foreign(table, stream=True) as asked:
        answer = await gateway.post(CHAT, json=ASK | {"stream": True} | options)
    assert b'"include_usage":true' in asked[0].replace(b": ", b":")
    assert b"fastchat-counts" not in asked[0]
    seen = EVENT + (b"data: " + USAGE + b"\n\n" if wanted else b"") + b"data: [DONE]\n\n"
    assert answer.content == seen
    assert passages[0].counts == Usage(prompt_tokens=9, completion_tokens=4)


async def test_the_counts_of_its_plain_answer_are_read(
    gateway: httpx.AsyncClient, table: Table, passages: list[Passage]
) -> None:
    async with foreign(table, stream=False):
        answer = await gateway.post(CHAT, json=ASK)
    assert answer.content == USAGE
    assert passages[0].counts == Usage(prompt_tokens=9, completion_tokens=4)


async def test_the_end_of_a_stream_is_told_before_it_is_accounted_for(
    table: Table, worker: str
) -> None:
    told: list[str] = []

    class Heard:
        def whole(self, status: int, lines: bytes, body: bytes) -> None: ...

        def start(self, status: int, lines: bytes) -> None: ...

        def piece(self, data: bytes) -> None: ...

        def end(self) -> None:
            told.append("end")

    service = gateway_service(
        table,
        report=lambda _: None,
        keys=KeyRing.of([]),
        account=lambda passage: told.append(f"accounted for, {passage.status}"),
    )
    work = service.endpoints[CHAT.encode()].open(Head({}), Heard())
    assert work.admit()
    work.ask(json.dumps(ASK | {"stream": True}).encode())
    await until(lambda: len(told) == 2)
    assert told == ["end", "accounted for, 200"]


async def test_an_answer_says_where_its_time_went(gateway: httpx.AsyncClient, worker: str) -> None:
    answer = await gateway.post(CHAT, json=ASK)
    timing = answer.headers["server-timing"]
    names = re.findall(r"(\w+);(?:dur|desc)=[\d.]+", timing)
    assert names == ["queue", "worker", "gateway", "tries"]


async def test_a_request_that_nobody_answered_is_accounted_for(
    gateway: httpx.AsyncClient, add_worker: AddWorker, passages: list[Passage]
) -> None:
    add_worker(f"http://127.0.0.1:{free_port()}")
    await gateway.post(CHAT, json=ASK)
    (passage,) = passages
    assert (passage.status, passage.tries, passage.first_byte_s) == (503, 1, None)
    assert (passage.error_code, passage.retries) == (50005, 0)
    assert [one.outcome for one in passage.troubles] == ["unreachable"]


async def test_a_worker_that_did_not_answer_is_named_beside_the_one_that_did(
    gateway: httpx.AsyncClient, add_worker: AddWorker, passages: list[Passage]
) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    add_worker(gone)
    async with serving(worker_app(ScriptedEngine())) as url:
        add_worker(url)
        await gateway.post(CHAT, json=ASK)
    ((trouble,), total_s) = passages[0].troubles, passages[0].total_s
    assert (trouble.worker, trouble.outcome, passages[0].worker) == (gone, "unreachable", url)
    assert 0 <= trouble.after_s <= total_s


@pytest.mark.parametrize("keys", [KeyRing.of(["sk-1"])])
async def test_who_asked_is_known_by_a_name_that_gives_no_key_away(
    gateway: httpx.AsyncClient, worker: str, passages: list[Passage]
) -> None:
    await gateway.post(CHAT, json=ASK, headers={"authorization": "Bearer sk-2"})
    await gateway.post(CHAT, json=ASK, headers={"authorization": "Bearer sk-1"})
    refused, answered = passages
    assert (refused.key, refused.model, refused.error_code) == (None, "", 40102)
    assert (answered.key, answered.status) == (sha256(b"sk-1").hexdigest()[:8], 200)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_of_the_worker_is_accounted_for_with_its_code(
    gateway: httpx.AsyncClient, worker: str, passages: list[Passage], stream: bool
) -> None:
    await gateway.post(CHAT, json=ASK | {"stream": stream, "temperature": 9})
    (passage,) = passages
    assert (passage.status, passage.error_code, passage.stream) == (400, 40302, stream)


async def test_a_client_that_left_is_accounted_for_once(
    gateway: httpx.AsyncClient, add_worker: AddWorker, passages: list[Passage]
) -> None:
    asked: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await read_request(reader))[1])
        await reader.read()

    body = b'{"model": "m"}'
    message = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    async with RawServer(script).listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        async with connected(gateway.base_url.port or 0, message + body):
            await until(lambda: asked)
        await until(lambda: passages)
    assert [passage.status for passage in passages] == [499]


def test_the_line_names_what_one_looks_for(caplog: pytest.LogCaptureFixture) -> None:
    passage = Passage(
        id="id-1",
        path=CHAT,
        key="1234abcd",
        model="m",
        stream=False,
        status=200,
        error_code=None,
        worker="http://w",
        tries=2,
        migrations=0,
        first_byte_s=0.0123,
        total_s=0.5,
        at_worker="queue;dur=3.0",
        counts=Usage(prompt_tokens=7, completion_tokens=15),
    )
    with caplog.at_level(logging.INFO):
        log(passage)
    (line,) = caplog.messages
    for part in (
        "id-1",
        "worker=http://w",
        "tries=2",
        "key=1234abcd",
        "first_byte_ms=12.3",
        "tokens=7+15",
    ):
        assert part in line


@pytest.mark.parametrize("model", ["m\n2026-11-28 | INFO | x | request 1", "m status=200 error=-"])
def test_a_model_that_somebody_names_forges_no_line_and_no_field(model: str) -> None:
    said = escaped(model)
    assert "\n" not in said
    assert literal_eval(said) == model
