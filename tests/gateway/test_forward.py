import asyncio
import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from fastchat.core.errors import InvalidKey
from fastchat.dispatch import Table
from fastchat.gateway.keys import KeyRing
from fastchat.protocol.cluster import Dispatched
from tests.gateway.conftest import SHORT_SILENCE
from tests.servers import RawServer, free_port, read_request, until

CHAT = "/v1/chat/completions"
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"

AddWorker = Callable[[str], None]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def worker(*pieces: bytes, then: str = "close") -> RawServer:
    """Sends the pieces for each request, then closes, resets or stays silent."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if then == "close":
                return
            if then == "reset":
                writer.transport.abort()
                return
            if then == "silence":
                await reader.read()

    return RawServer(script)


async def test_the_bytes_of_a_request_reach_the_worker_as_they_are(
    gateway: httpx.AsyncClient, add_worker: AddWorker
) -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(PLAIN)

    body = b'{ "model":"m",  "unknown": [1, 2],"messages":"\\u00e9" }'
    async with RawServer(script).listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        answer = await gateway.post(CHAT, content=body, headers={"authorization": "Bearer sk-1"})
    assert answer.content == b"{}"
    head, sent = seen[0]
    assert sent == body
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert b"sk-1" not in head


async def test_the_request_id_goes_to_the_worker_and_back(
    gateway: httpx.AsyncClient, add_worker: AddWorker
) -> None:
    seen: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append((await read_request(reader))[0])
            writer.write(PLAIN)

    async with RawServer(script).listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        given = await gateway.post(CHAT, json=ASK, headers={"x-request-id": "abc-1"})
        forged = await gateway.post(CHAT, json=ASK, headers={"x-request-id": "a b"})
    assert given.headers["x-request-id"] == "abc-1"
    assert b"x-request-id: abc-1\r\n" in seen[0]
    assert forged.headers["x-request-id"] == "new-id"


async def test_a_stream_comes_through_byte_for_byte(
    gateway: httpx.AsyncClient, add_worker: AddWorker
) -> None:
    said = [b'data: {"x": 1}\n\n', b"data: [DONE]\n\n"]
    server = worker(HEAD, *map(chunk, said), b"0\r\n\r\n", then="again")
    async with server.listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        answer = await gateway.post(CHAT, json=ASK | {"stream": True})
    assert answer.content == b"".join(said)
    assert answer.headers["content-type"] == "text/event-stream"


async def test_a_connection_to_a_worker_is_used_again(
    gateway: httpx.AsyncClient, add_worker: AddWorker
) -> None:
    server = worker(PLAIN, then="again")
    async with server.listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        for _ in range(5):
            assert (await gateway.post(CHAT, json=ASK)).status_code == 200
    assert server.connections == 1


async def test_a_request_that_kills_its_workers_is_not_given_to_all(
    gateway: httpx.AsyncClient, add_worker: AddWorker, dispatched: list[Dispatched]
) -> None:
    async with (
        worker(then="reset").listening() as a,
        worker(then="reset").listening() as b,
        worker(PLAIN).listening() as c,
    ):
        for port in (a, b, c):
            add_worker(f"http://127.0.0.1:{port}")
        answer = await gateway.post(CHAT, json=ASK)
    assert (answer.status_code, len(dispatched)) == (500, 2)


async def test_a_request_that_kills_engines_is_not_given_to_all(
    gateway: httpx.AsyncClient, add_worker: AddWorker, dispatched: list[Dispatched]
) -> None:
    lost = b"HTTP/1.1 502 Lost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    async with (
        worker(lost).listening() as a,
        worker(lost).listening() as b,
        worker(lost).listening() as c,
    ):
        for port in (a, b, c):
            add_worker(f"http://127.0.0.1:{port}")
        answer = await gateway.post(CHAT, json=ASK)
    assert (answer.status_code, len(dispatched)) == (500, 2)


async def test_a_workers_refusal_is_passed_on_with_its_advice(
    gateway: httpx.AsyncClient, add_worker: AddWorker
) -> None:
    refusal = b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\n{}"
    async with worker(refusal).listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        answer = await gateway.post(CHAT, json=ASK | {"stream": True})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


async def test_a_full_worker_is_passed_over_while_another_is_not(
    gateway: httpx.AsyncClient, add_worker: AddWorker
) -> None:
    refusal = b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\n{}"
    async with worker(refusal).listening() as full, worker(PLAIN).listening() as free:
        add_worker(f"http://127.0.0.1:{full}")
        add_worker(f"http://127.0.0.1:{free}")
        answer = await gateway.post(CHAT, json=ASK)
    assert answer.status_code == 200


async def test_a_dead_worker_is_passed_over(
    gateway: httpx.AsyncClient, add_worker: AddWorker, dispatched: list[Dispatched]
) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    add_worker(dead)
    async with worker(PLAIN).listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        answer = await gateway.post(CHAT, json=ASK)
    assert answer.status_code == 200
    assert [one.ret for one in dispatched] == [dead, f"http://127.0.0.1:{port}"]


async def test_a_plain_answer_that_was_cut_is_asked_for_elsewhere(
    gateway: httpx.AsyncClient, add_worker: AddWorker
) -> None:
    cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"
    async with worker(cut).listening() as bad, worker(PLAIN).listening() as good:
        add_worker(f"http://127.0.0.1:{bad}")
        add_worker(f"http://127.0.0.1:{good}")
        answer = await gateway.post(CHAT, json=ASK)
    assert answer.content == b"{}"


async def test_when_nobody_answers_the_client_is_told_to_come_back(
    gateway: httpx.AsyncClient, add_worker: AddWorker, table: Table
) -> None:
    add_worker(f"http://127.0.0.1:{free_port()}")
    answer = await gateway.post(CHAT, json=ASK)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, 50005)
    assert answer.headers["retry-after"]
    assert table.choose("m").dispatched.queue_lens == (0.0,)


@SHORT_SILENCE
@pytest.mark.parametrize("then", ["close", "reset", "silence"])
async def test_a_broken_stream_ends_in_one_error_event(
    gateway: httpx.AsyncClient, add_worker: AddWorker, then: str
) -> None:
    said = chunk(b'data: {"x": 1}\n\ndata: {"half')
    async with worker(HEAD, said, then=then).listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        answer = await gateway.post(CHAT, json=ASK | {"stream": True})
    first, last = [part for part in answer.text.split("\n\n") if part]
    assert first == 'data: {"x": 1}'
    error = json.loads(last.removeprefix("data: "))["error"]
    assert error["code"] == (50006 if then == "silence" else 50001)


@SHORT_SILENCE
@pytest.mark.parametrize("stream", [False, True])
async def test_a_silent_worker_is_a_timeout(
    gateway: httpx.AsyncClient, add_worker: AddWorker, stream: bool
) -> None:
    async with worker(then="silence").listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        answer = await gateway.post(CHAT, json=ASK | {"stream": stream})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (504, 50006)
    assert "CONTROLLER_WORKER_TIMEOUT" in error["message"]


@SHORT_SILENCE
async def test_a_plain_answer_that_trickles_is_given_up(
    gateway: httpx.AsyncClient, add_worker: AddWorker
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        while True:
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with RawServer(script).listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        answer = await gateway.post(CHAT, json=ASK)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, 50006)


@SHORT_SILENCE
async def test_under_api_v1_a_timeout_is_what_the_guide_shows(
    gateway: httpx.AsyncClient, add_worker: AddWorker
) -> None:
    async with worker(then="silence").listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        answer = await gateway.post("/api/v1/chat/completions", json=ASK)
    assert (answer.status_code, answer.json()["error_code"]) == (504, 50006)
    assert "CONTROLLER_WORKER_TIMEOUT" in answer.json()["text"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_is_told_to_the_worker(
    gateway: httpx.AsyncClient, add_worker: AddWorker, table: Table, stream: bool
) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        asked.set()
        await reader.read()
        left.set()

    async with RawServer(script).listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        task = asyncio.create_task(gateway.post(CHAT, json=ASK | {"stream": stream}))
        await until(asked.is_set)
        task.cancel()
        await until(left.is_set)
    await until(lambda: table.choose("m").dispatched.queue_lens == (0.0,))


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'{"model": 3}', "model"),
        (b"{}", "model"),
        (b'{"model": NaN}', None),
        (b'{"model": "\\ud800"}', None),
        (b'{"model": "m", "stream": "yes"}', "stream"),
        (b'{"model": "m", "x": ' + b"[" * 50_000, None),
        (b'{"model": "\xff"}', None),
    ],
)
async def test_nonsense_is_refused_before_any_worker_is_asked(
    gateway: httpx.AsyncClient, dispatched: list[Dispatched], body: bytes, param: str | None
) -> None:
    answer = await gateway.post(CHAT, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert dispatched == []


async def test_a_large_body_is_refused_by_what_it_declares(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.post(CHAT, content=b"x" * 100_001)
    assert answer.status_code == 413
    assert "100000 bytes" in answer.json()["error"]["message"]


async def test_a_large_body_without_a_length_is_refused_on_the_way(
    gateway: httpx.AsyncClient,
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b"x" * 1000

    answer = await gateway.post(CHAT, content=pieces())
    assert answer.status_code == 413


@pytest.mark.parametrize("keys", [KeyRing.of(["sk-1"])])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/completions"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/engines/m/embeddings"),
        ("POST", "/v1/rerank"),
        ("POST", "/v2/rerank"),
        ("POST", "/rerank"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/m"),
        ("POST", "/api/v1/chat/completions"),
        ("POST", "/api/v1/token_check"),
    ],
)
async def test_without_the_key_every_api_path_is_closed(
    gateway: httpx.AsyncClient, method: str, path: str
) -> None:
    for headers in ({}, {"authorization": "Bearer sk-2"}):
        answer = await gateway.request(method, path, json=ASK, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == InvalidKey.code
    known = {"authorization": "Bearer sk-1"}
    assert (await gateway.request(method, path, json=ASK, headers=known)).status_code != 401


@pytest.mark.parametrize("status", [b"401 Unauthorized", b"307 Temporary Redirect"])
async def test_what_concerns_our_token_is_not_told_to_the_client(
    gateway: httpx.AsyncClient,
    add_worker: AddWorker,
    caplog: pytest.LogCaptureFixture,
    status: bytes,
) -> None:
    refusal = b"HTTP/1.1 " + status + b"\r\nlocation: http://x\r\ncontent-length: 2\r\n\r\n{}"
    async with worker(refusal).listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        answer = await gateway.post(CHAT, json=ASK)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, 50001)
    assert "FASTCHAT_CLUSTER_TOKEN" in caplog.text


async def test_embeddings_pass_through_and_the_path_may_name_the_model(
    gateway: httpx.AsyncClient, add_worker: AddWorker
) -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen.append(await read_request(reader))
            writer.write(PLAIN)

    async with RawServer(script).listening() as port:
        add_worker(f"http://127.0.0.1:{port}")
        await gateway.post("/v1/embeddings", json={"model": "m", "input": "a"})
        await gateway.post("/v1/engines/m/embeddings", json={"input": "a"})
    assert all(head.startswith(b"POST /v1/embeddings ") for head, _ in seen)
    assert [json.loads(body) for _, body in seen] == [{"model": "m", "input": "a"}] * 2
