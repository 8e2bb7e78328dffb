"""nginx with our file, its names and ports replaced: TLS, streams, limits."""

import asyncio
import json
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.ops.proxied import Proxy, proxied
from tests.ops.stage import Stage
from tests.ops.tools import DEPLOY

pytestmark = pytest.mark.ops

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def proxy(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxied(stage.api, tmp_path_factory.mktemp("nginx")) as served:
        yield served


@pytest.fixture
async def client(proxy: Proxy) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=proxy.url, verify=proxy.trusted, trust_env=False, timeout=60)


def question(**more: object) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **more}


async def test_a_stream_comes_as_it_is_written(client: httpx.AsyncClient) -> None:
    pieces = []
    async with client, client.stream("POST", CHAT, json=question(stream=True)) as answer:
        assert answer.status_code == 200
        async for piece in answer.aiter_bytes():
            pieces.append(piece)
    text = b"".join(pieces)
    assert text.endswith(b"data: [DONE]\n\n")
    assert len(pieces) >= 12, "a proxy that buffers sends them in one"


async def test_who_asks_too_much_is_told_so_in_json(client: httpx.AsyncClient) -> None:
    async with client:
        asked = [client.get("/v1/models") for _ in range(60)]
        answers = await asyncio.gather(*asked)
    refused = [one for one in answers if one.status_code != 200]
    assert {one.status_code for one in refused} == {429}
    assert refused[0].json()["error"]["code"] == "42901"
    assert refused[0].headers["retry-after"] == "1"
    await asyncio.sleep(3)  # what it counted is over


async def test_a_large_body_and_foreign_paths_are_refused(client: httpx.AsyncClient) -> None:
    async with client:
        large = await client.post(CHAT, content=b" " * (3 << 20))
        assert (large.status_code, large.json()["code"]) == (413, 40001)
        assert (await client.get("/metrics")).status_code == 404


def test_addresses_that_clients_claim_are_overwritten() -> None:
    text = (DEPLOY / "nginx" / "fastchat.conf").read_text()
    assert "X-Forwarded-For $remote_addr;" in text
    assert "$proxy_add_x_forwarded_for" not in text
    bodies = re.findall(r"return (\d+) '(.*)';", text)
    assert [json.loads(body)["object"] for _, body in bodies] == ["error"] * 3
