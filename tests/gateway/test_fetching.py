"""A request whose pictures are fetched first: accounted for, aborted, refused like any other."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import httpx

from fastchat.dispatch import Table
from fastchat.gateway.passage import Passage
from fastchat.gateway.pictures import Pictures
from fastchat.protocol.cluster import COUNTS, WorkerEntry
from tests.apps import gateway_service
from tests.pictures import DATA, answer, body_of, picture, pictures_at
from tests.servers import RawServer, read_request, running, until


@asynccontextmanager
async def gateway_with(
    pictures: Pictures, passages: list[Passage], seen: list[bytes], *, keep_alive_s: float = 5
) -> AsyncIterator[httpx.AsyncClient]:
    """And a worker, which notes the bodies that reach it."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await read_request(reader))[1])
        writer.write(answer(b"{}", "200 OK", "content-type: application/json"))

    table = Table(lambda: 0.0, Random(0))
    service = gateway_service(
        table,
        report=lambda _: None,
        account=passages.append,
        pictures=pictures,
        keep_alive_s=keep_alive_s,
    )
    async with (
        RawServer(script).listening() as port,
        running(service.app, endpoints=service.endpoints) as server,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{server.config.port}", trust_env=False
        ) as client,
    ):
        worker = f"http://127.0.0.1:{port}"
        table.put(WorkerEntry(address=worker, model_names=("m",), dialects=("openai", COUNTS)))
        yield client


async def test_the_worker_is_sent_the_picture_itself(
    pictures: Pictures, passages: list[Passage]
) -> None:
    seen: list[bytes] = []
    async with (
        pictures_at(answer()) as (url, _),
        gateway_with(pictures, passages, seen) as client,
    ):
        asked = await client.post("/v1/chat/completions", content=body_of(picture(url)))
    assert asked.status_code == 200
    assert json.loads(seen[0])["messages"][0]["content"] == [picture(DATA)]


async def test_who_leaves_while_a_picture_is_fetched_is_accounted_for_once(
    pictures: Pictures, passages: list[Passage]
) -> None:
    seen: list[bytes] = []
    async with (
        pictures_at() as (url, server),
        gateway_with(pictures, passages, seen) as client,
    ):
        asked = asyncio.create_task(
            client.post("/v1/chat/completions", content=body_of(picture(url)))
        )
        await until(lambda: server.connections == 1)
        asked.cancel()
        await until(lambda: passages)
    assert [(passage.status, passage.tries) for passage in passages] == [(499, 0)]
    assert seen == []


async def test_who_aborts_while_a_picture_is_fetched_finds_the_request(
    pictures: Pictures, passages: list[Passage]
) -> None:
    seen: list[bytes] = []
    async with (
        pictures_at() as (url, server),
        gateway_with(pictures, passages, seen) as client,
    ):
        asked = asyncio.create_task(
            client.post(
                "/v1/chat/completions",
                content=body_of(picture(url)),
                headers={"x-request-id": "mine"},
            )
        )
        await until(lambda: server.connections == 1)
        assert (await client.post("/abort_request", json={"rid": "mine"})).status_code == 200
        assert (await asked).status_code == 499
        assert (await client.post("/abort_request", json={"rid": "mine"})).status_code == 404
    assert [(passage.status, passage.tries) for passage in passages] == [(499, 0)]
    assert seen == []


async def test_a_stream_is_refused_with_its_status_while_nobody_was_asked(
    pictures: Pictures, passages: list[Passage]
) -> None:
    body = body_of(picture("URL"))[:-1] + b',"stream":true}'
    async with (
        pictures_at() as (url, _),
        gateway_with(replace(pictures, limit_s=1), passages, [], keep_alive_s=0.01) as client,
    ):
        asked = body.replace(b"URL", url.encode())
        assert (await client.post("/v1/chat/completions", content=asked)).status_code == 400


async def test_a_body_that_only_an_engine_reads_to_its_end_reaches_none(
    gateway: httpx.AsyncClient, add_worker: Callable[[str], None]
) -> None:
    add_worker("http://127.0.0.1:1")
    body = body_of(picture("http://169.254.169.254/"))[:-1] + b',"x":1e400}'
    refused = await gateway.post("/v1/chat/completions", content=body)
    assert refused.status_code == 400
    assert "out of range" in refused.json()["error"]["message"]


async def test_by_default_a_picture_by_url_is_refused_with_a_remedy(
    gateway: httpx.AsyncClient, add_worker: Callable[[str], None]
) -> None:
    add_worker("http://127.0.0.1:1")
    content = [picture("http://example.org/a.png")]
    messages = [{"role": "user", "content": content}]
    ask = {"model": "m", "messages": messages, "stream": True}
    refused = await gateway.post("/v1/chat/completions", json=ask)
    assert refused.status_code == 400
    assert "--image-hosts" in refused.json()["error"]["message"]
    assert "data URL" in refused.json()["error"]["message"]
