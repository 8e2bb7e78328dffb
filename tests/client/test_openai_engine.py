"""The engine over a server of the OpenAI dialect: our worker, and servers that misbehave."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from fastchat.client import OpenAIEngine
from fastchat.core.constraints import JsonSchema
from fastchat.core.errors import (
    ContextOverflow,
    EngineFailed,
    InvalidKey,
    InvalidRequest,
    NoWorker,
    OutOfMemory,
    Overloaded,
    PlatformError,
    UnknownModel,
    WorkerTimeout,
)
from fastchat.core.generation import (
    Chat,
    Chunk,
    Engine,
    GenerationRequest,
    Message,
    Prompt,
    Sampling,
    Usage,
    collect,
)
from fastchat.engines.scripted import Options, answer
from fastchat.engines.scripted import ScriptedEngine as RehearsedEngine
from fastchat.worker.admission import Admission
from fastchat.worker.app import Collaborators, create_service
from fastchat.worker.shell import Shell
from tests.scripted import ScriptedEngine
from tests.servers import RawServer, free_port, read_request, serving, until

STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"connection: close\r\n\r\n"
)
HELLO = b'data: {"choices": [{"delta": {"role": "assistant", "content": "Hello"}}]}\n\n'
CHAT = Chat((Message(role="user", content="hi"),))


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def asking(prompt: Prompt = CHAT, **wanted: object) -> GenerationRequest:
    return GenerationRequest(id="id-1", model="m", prompt=prompt, **wanted)  # type: ignore[arg-type]  # as given


@asynccontextmanager
async def worker_with(engine: Engine) -> AsyncIterator[str]:
    parts = Collaborators(
        shell=Shell(engine, Admission(2, 1, lambda: 0.0), stream_interval=1),
        announce=None,
        token=None,
        wall_clock=lambda: 1234.5,
        new_id=lambda: "id",
    )
    async with serving(create_service(parts).app) as url:
        yield url


@asynccontextmanager
async def saying(*pieces: bytes) -> AsyncIterator[str]:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    async with RawServer(script).listening() as port:
        yield f"http://127.0.0.1:{port}"


def refusal(status: int, body: object, *headers: str) -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = "".join(f"{line}\r\n" for line in headers)
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(text)}\r\n{head}\r\n".encode() + text


async def answer_of(session: aiohttp.ClientSession, *pieces: bytes) -> Chunk:
    async with saying(*pieces) as url:
        return await collect(OpenAIEngine(session, url, ["m"], silence_s=5).generate(asking()))


@pytest.mark.parametrize("prompt", [CHAT, "once", (1, 2, 3)])
async def test_our_worker_is_asked_what_was_wanted(
    session: aiohttp.ClientSession, prompt: Prompt
) -> None:
    scripted = ScriptedEngine()
    wanted = asking(
        prompt,
        max_tokens=5,
        sampling=Sampling(temperature=0.25, top_p=0.5, seed=7),
        stop=("END",),
        logprobs=2,
    )
    async with worker_with(scripted) as url:
        engine: Engine = OpenAIEngine(session, url, ["m"])
        answer = await collect(engine.generate(wanted))
    assert scripted.asked == [wanted]
    assert (answer.text, answer.finish_reason) == ("one two three", "stop")
    assert answer.usage == Usage(prompt_tokens=7, completion_tokens=3)
    assert [(token.token, token.logprob) for token in answer.logprobs] == [
        ("one", -0.5),
        (" two", -0.5),
        (" three", -0.5),
    ]


async def test_a_json_schema_arrives(session: aiohttp.ClientSession) -> None:
    scripted = ScriptedEngine()
    schema = {"type": "object"}
    async with worker_with(scripted) as url:
        await collect(
            OpenAIEngine(session, url, ["m"]).generate(asking(constraint=JsonSchema(schema)))
        )
    assert scripted.asked[0].constraint == JsonSchema(schema)


async def test_who_stops_reading_stops_the_worker(session: aiohttp.ClientSession) -> None:
    held = asyncio.Event()
    scripted = ScriptedEngine(words=["word "] * 1000, held=held)
    async with worker_with(scripted) as url:
        chunks = OpenAIEngine(session, url, ["m"]).generate(asking())
        held.set()
        await anext(chunks)
        held.clear()
        await chunks.aclose()
        await until(lambda: not scripted.running)


async def test_the_models_of_a_server(session: aiohttp.ClientSession) -> None:
    async with worker_with(ScriptedEngine(model_names=("a", "b"))) as url:
        assert await OpenAIEngine(session, f"{url}/v1/", ["m"]).models() == ["a", "b"]


async def test_the_token_is_shown(session: aiohttp.ClientSession) -> None:
    heads: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await read_request(reader))[0])
        writer.write(refusal(401, {"error": {"message": "no", "code": 40102}}))

    async with RawServer(script).listening() as port:
        engine = OpenAIEngine(session, f"http://127.0.0.1:{port}", ["m"], token="secret")
        with pytest.raises(InvalidKey, match="no"):
            await collect(engine.generate(asking()))
    assert b"authorization: bearer secret" in heads[0].lower()
    assert b"x-request-id: id-1" in heads[0].lower()


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (refusal(400, {"error": {"message": "top_p!", "code": 40001}}), InvalidRequest, "top_p!"),
        (refusal(400, {"error": {"code": "context_length_exceeded"}}), ContextOverflow, "400"),
        (
            refusal(400, {"object": "error", "message": "long", "code": 40303}),
            ContextOverflow,
            "long",
        ),
        (refusal(404, {"error": {"message": "no m", "code": 40301}}), UnknownModel, "no m"),
        (refusal(404, b"<html>not here"), UnknownModel, "404"),
        (refusal(418, {"error": "teapot"}), InvalidRequest, "teapot"),
        (refusal(302, b"", "location: http://127.0.0.1:1/"), EngineFailed, "302"),
        (refusal(500, {"error": {"code": 50002, "message": "memory"}}), OutOfMemory, "memory"),
        (refusal(500, b"\xff" * 100), EngineFailed, "500"),
        (refusal(500, b"x" * 2_000_000), EngineFailed, "broke off"),
        (refusal(504, b""), WorkerTimeout, "504"),
    ],
)
async def test_a_refusal_is_an_error_of_ours(
    session: aiohttp.ClientSession, answer: bytes, kind: type[PlatformError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        await answer_of(session, answer)
    assert type(caught.value) is kind


@pytest.mark.parametrize(("said", "understood"), [("7", 7), ("Fri, 1 Jan", None), ("9" * 99, 3600)])
async def test_a_full_server_says_when_to_come_back(
    session: aiohttp.ClientSession, said: str, understood: int | None
) -> None:
    with pytest.raises(Overloaded) as caught:
        await answer_of(session, refusal(429, b"", f"retry-after: {said}"))
    assert caught.value.retry_after_s == understood


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        b"data: [DONE]\n\n",
        b'data: {"choices": [{"delta": {"content": " wor',
        b"data: garbage\n\n",
        b"data: [1, 2]\n\n",
        b"data: \xff\xff\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        b'data: {"choices": [{"delta": 3}]}\n\n',
    ],
)
async def test_a_stream_without_a_good_end_has_failed(
    session: aiohttp.ClientSession, rest: bytes
) -> None:
    with pytest.raises(EngineFailed):
        await answer_of(session, STREAM + HELLO, rest)


async def test_a_connection_that_is_cut_has_failed(session: aiohttp.ClientSession) -> None:
    chunked = STREAM.replace(b"connection: close", b"transfer-encoding: chunked")
    with pytest.raises(EngineFailed, match="broke off"):
        await answer_of(session, chunked + b"%x\r\n%s\r\n" % (len(HELLO), HELLO))


async def test_an_error_in_the_stream_ends_it(session: aiohttp.ClientSession) -> None:
    event = b'data: {"error": {"message": "too busy", "code": 42903}}\n\n'
    with pytest.raises(Overloaded, match="too busy"):
        await answer_of(session, STREAM + HELLO, event)


async def test_what_other_servers_add_is_passed_over(session: aiohttp.ClientSession) -> None:
    answer = await answer_of(
        session,
        STREAM + b": keep-alive\r\nevent: message\r\nid: 4\r\n\r\n" + HELLO,
        b'data: {"choices": [{"delta": {"content": null}, "finish_reason": "content_filter"}]}\n\n',
        b'data: {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}\n\n',
        b"data: [DONE]\n\n",
    )
    assert (answer.text, answer.finish_reason) == ("Hello", "content_filter")
    assert answer.usage == Usage(prompt_tokens=1, completion_tokens=2)


async def test_an_end_without_done_is_an_end(session: aiohttp.ClientSession) -> None:
    end = b'data: {"choices": [{"text": "!", "finish_reason": "length"}]}\n\n'
    answer = await answer_of(session, STREAM + HELLO, end)
    assert (answer.text, answer.finish_reason) == ("Hello!", "length")


async def test_an_answer_that_is_no_stream_has_failed(session: aiohttp.ClientSession) -> None:
    page = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi"
    with pytest.raises(EngineFailed, match="text/html"):
        await answer_of(session, page)


async def test_an_endless_line_is_not_collected(session: aiohttp.ClientSession) -> None:
    with pytest.raises(EngineFailed):
        await answer_of(session, STREAM + b"data: ", *[b"x" * 1_000_000] * 20)


async def test_nobody_there(session: aiohttp.ClientSession) -> None:
    engine = OpenAIEngine(session, f"http://127.0.0.1:{free_port()}", ["m"])
    with pytest.raises(NoWorker, match="'m'"):
        await collect(engine.generate(asking()))
    with pytest.raises(NoWorker, match="'m'"):
        await engine.models()


async def test_a_silent_server_is_given_up(session: aiohttp.ClientSession) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(STREAM + HELLO)
        await asyncio.Event().wait()

    async with RawServer(script).listening() as port:
        engine = OpenAIEngine(session, f"http://127.0.0.1:{port}", ["m"], silence_s=0.1)
        with pytest.raises(WorkerTimeout):
            await collect(engine.generate(asking()))


@pytest.mark.parametrize("body", [b"{}", b"[]", b"\xff", b'{"data": [{}]}', b"<html>"])
async def test_a_list_of_models_that_is_none(session: aiohttp.ClientSession, body: bytes) -> None:
    async with saying(refusal(200, body)) as url:
        with pytest.raises(EngineFailed):
            await OpenAIEngine(session, url, ["m"]).models()


@pytest.mark.parametrize("given", ["", "ba"])
async def test_a_worker_of_ours_takes_up_what_another_began(
    session: aiohttp.ClientSession, given: str
) -> None:
    whole = answer("user: hi", 20)
    cut = len(given) + 9
    engine = RehearsedEngine(Options(names=("m",), answer_tokens=20))
    async with worker_with(engine) as url:
        before = asking(continue_from=whole[:cut], resumed=whole[len(given) : cut])
        rest = await collect(OpenAIEngine(session, url, ["m"], resumes=True).generate(before))
    assert whole[:cut] + rest.text == whole
    assert rest.usage.prompt_tokens == 2
