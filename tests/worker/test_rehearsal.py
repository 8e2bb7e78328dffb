from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest

from fastchat.core.config import parse
from fastchat.core.errors import ConfigError
from fastchat.engines.scripted import answer
from fastchat.worker.build import build
from fastchat.worker.fake import FakeWorkerConfig
from tests.servers import serving


@pytest.fixture
async def fake_worker() -> AsyncIterator[httpx.AsyncClient]:
    config = parse(FakeWorkerConfig, ["--no-register", "--stream-interval", "1"], environ={})
    async with (
        serving(build(config, "id").app) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        yield client


async def ask(client: httpx.AsyncClient, said: str, **more: object) -> httpx.Response:
    messages = [{"role": "user", "content": said}]
    body = {"model": "scripted", "messages": messages, **more}
    return await client.post("/v1/chat/completions", json=body)


async def test_a_fake_worker_answers_as_a_real_one(fake_worker: httpx.AsyncClient) -> None:
    whole = (await ask(fake_worker, "hi", max_tokens=9)).json()["choices"][0]
    assert whole["message"]["content"] == answer("user: hi", 9)
    assert whole["finish_reason"] == "length"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_cut_ends_the_connection_in_the_middle(
    fake_worker: httpx.AsyncClient, stream: bool
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await ask(fake_worker, "[[cut]]", stream=stream)


async def test_what_came_before_a_cut_is_whole(fake_worker: httpx.AsyncClient) -> None:
    messages = [{"role": "user", "content": "[[cut 2]]"}]
    body = {"model": "scripted", "messages": messages, "stream": True}
    seen = b""
    with suppress(httpx.RemoteProtocolError):
        async with fake_worker.stream("POST", "/v1/chat/completions", json=body) as streamed:
            async for piece in streamed.aiter_bytes():
                seen += piece
    first, second = answer("user: [[cut 2]]", 2).split()
    assert seen.endswith(b"\n\n")
    assert f'"{first}"'.encode() in seen
    assert f'" {second}"'.encode() in seen
    assert b"[DONE]" not in seen


@pytest.mark.parametrize("stream", [False, True])
async def test_malformed_bytes_are_no_json(fake_worker: httpx.AsyncClient, stream: bool) -> None:
    body = (await ask(fake_worker, "[[malformed]]", stream=stream)).content
    assert b"\xff\xfe" in body
    with pytest.raises(UnicodeDecodeError):
        body.decode()


async def test_the_engines_own_faults_have_their_codes(fake_worker: httpx.AsyncClient) -> None:
    for mark, code in (("[[http500]]", 50001), ("[[oom]]", 50002)):
        refusal = await ask(fake_worker, mark)
        assert (refusal.status_code, refusal.json()["error"]["code"]) == (500, code)


def test_faults_that_nobody_knows_are_told_before_anything_is_served() -> None:
    config = parse(FakeWorkerConfig, ["--faults", "explode:1"], environ={})
    with pytest.raises(ConfigError, match="unknown fault"):
        build(config, "id")
