"""Pictures by URL: fetched from where it is allowed, never from inside, within bounds."""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from typing import Any

import httpx
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from fastchat.core.errors import InvalidRequest
from fastchat.dispatch import Table
from fastchat.gateway.passage import Passage
from fastchat.gateway.pictures import Hosts, Pictures, is_public
from fastchat.protocol.cluster import COUNTS, WorkerEntry
from fastchat.protocol.openai.media import embedded, may_name_media, remote_media
from tests.apps import gateway_service
from tests.servers import RawServer, read_request, running, until

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
DATA = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
ROOM = 10_000


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::1",
        "2001:0:7f00:1::1",
        "2130706433",
        "127.1",
        "nonsense",
    ],
)
def test_what_is_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8"])
def test_what_is_outside_is(address: str) -> None:
    assert is_public(address)


def test_hosts_are_names_or_all_below_one() -> None:
    hosts = Hosts(["a.org", "*.B.org"])
    assert [host in hosts for host in ("a.org", "A.org.", "x.b.org", "b.org", "x.a.org")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert "anything" in Hosts(["*"])
    assert "anything" not in Hosts()


class Names(AbstractResolver):
    """`outside` leads to a server of the test's, `inside` to another of its addresses."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        address = {"outside": "127.0.0.1"}.get(host, "127.0.0.2")
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None: ...


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def pictures(names: Names) -> Pictures:
    """For which 127.0.0.1 is outside, and all else is inside."""
    return Pictures(
        hosts=Hosts(["*"]), is_allowed=lambda one: one == "127.0.0.1", resolver=lambda: names
    )


def answer(body: bytes = PNG, status: str = "200 OK", *lines: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (*lines, f"content-length: {len(body)}"))
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


@asynccontextmanager
async def pictures_at(*answers: bytes) -> AsyncIterator[tuple[str, RawServer]]:
    """The URL of a server that says these one after another."""
    left = list(answers)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        if not left:
            await reader.read()  # silence
        writer.write(left.pop(0))
        await writer.drain()

    server = RawServer(script)
    async with server.listening() as port:
        yield f"http://outside:{port}/a.png", server


async def test_a_picture_is_data_then(pictures: Pictures, names: Names) -> None:
    async with pictures_at(answer()) as (url, _):
        assert await pictures.fetched([url, url], ROOM) == {url: DATA}
    assert names.asked == ["outside"]  # once, and never again


REFUSALS = [
    ([answer(b"<svg/>")], "no PNG"),
    ([answer(status="404 No")], "404"),
    ([answer(PNG + b"x" * ROOM)], "too large"),
    ([answer(b"", "302 Found", "location: http://inside/a.png")], "public"),
    ([answer(b"", "302 Found", "location: http://127.0.0.2/a.png")], "public"),
    ([answer(b"", "302 Found", "location: http://[::1]/a.png")], "public"),
    ([answer(b"", "302 Found", "location: file:///etc/passwd")], "no http"),
    ([answer(b"", "302 Found", "location: /b.png")] * 4, "too often"),
    ([b"nonsense\r\n\r\n"], "could not be fetched"),
]


@pytest.mark.parametrize(("answers", "why"), REFUSALS, ids=range(len(REFUSALS)))
async def test_what_is_no_picture_from_outside_is_refused(
    pictures: Pictures, answers: list[bytes], why: str
) -> None:
    async with pictures_at(*answers) as (url, _):
        with pytest.raises(InvalidRequest, match=why):
            await pictures.fetched([url], ROOM)


async def test_a_redirect_outside_is_followed(pictures: Pictures) -> None:
    moved = answer(b"", "301 Moved", "location: /b.png")
    async with pictures_at(moved, answer()) as (url, _):
        assert (await pictures.fetched([url], ROOM))[url] == DATA


async def test_a_server_that_says_nothing_is_waited_for_a_while(pictures: Pictures) -> None:
    async with pictures_at() as (url, _):
        with pytest.raises(InvalidRequest, match=r"within 0\.2 s"):
            await replace(pictures, limit_s=0.2).fetched([url], ROOM)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{}/", "http://localhost:{}/", "http://2130706433:{}/", "ftp://x/", ""]
)
async def test_nobody_inside_is_even_connected_to(url: str) -> None:
    async with pictures_at(answer()) as (reached, server):
        port = reached.split(":")[2].partition("/")[0]
        with pytest.raises(InvalidRequest):
            await Pictures(hosts=Hosts(["*"])).fetched([url.format(port)], ROOM)
        assert server.connections == 0


def body_of(*parts: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": parts}]}).encode()


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


def test_media_are_found_however_they_are_spelt() -> None:
    body = body_of(
        picture("HTTP://a"), {"image_url": "file:///b"}, {"video_url": {"url": "http://c"}}
    )
    assert remote_media(body) == ["HTTP://a", "file:///b", "http://c"]
    hidden = body.replace(b'"image_url"', b'"image\\u005furl"')
    assert may_name_media(hidden)
    assert remote_media(hidden) == remote_media(body)
    assert remote_media(body_of(picture(" DATA:x"), {"image_url": 7})) == []
    assert [remote_media(body) for body in (b"", b"[]", b'{"messages":7}')] == [[], [], []]
    assert not may_name_media(body_of({"type": "text", "text": "http://a"}))


def test_what_was_fetched_takes_the_place_of_its_url() -> None:
    body = embedded(body_of(picture("http://a"), picture("data:x")), {"http://a": DATA})
    parts = json.loads(body)["messages"][0]["content"]
    assert parts == [picture(DATA), picture("data:x")]


@asynccontextmanager
async def gateway_with(
    pictures: Pictures, passages: list[Passage], seen: list[bytes]
) -> AsyncIterator[httpx.AsyncClient]:
    """And a worker, which notes the bodies that reach it."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await read_request(reader))[1])
        writer.write(answer(b"{}", "200 OK", "content-type: application/json"))

    table = Table(lambda: 0.0, Random(0))
    service = gateway_service(
        table, report=lambda _: None, account=passages.append, pictures=pictures
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
