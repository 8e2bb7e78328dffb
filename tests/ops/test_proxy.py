"""nginx with our file, its names and ports replaced: TLS, streams, limits."""

import asyncio
import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.ops.stage import Stage, wait_for
from tests.ops.tools import DEPLOY, run, tool
from tests.running import free_ports

pytestmark = pytest.mark.ops

CHAT = "/v1/chat/completions"
FRAME = """daemon off; error_log {folder}/error.log; pid {folder}/nginx.pid; events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  include {folder}/fastchat.conf;
}}
"""


class Proxy(NamedTuple):
    url: str
    certificate: Path

    @property
    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.certificate)


@pytest.fixture(scope="module")
def proxy(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("nginx")
    (port,) = free_ports(1)
    run(*("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        *("-keyout", folder / "fastchat.key", "-out", folder / "fastchat.pem"))  # fmt: skip
    text = (DEPLOY / "nginx" / "fastchat.conf").read_text()
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}").replace("/etc/nginx", str(folder))
    text = text.replace("localhost:8000", stage.api.removeprefix("http://"))
    (folder / "fastchat.conf").write_text(text.replace("API.EXAMPLE.COM", "localhost"))
    (folder / "nginx.conf").write_text(FRAME.format(folder=folder))
    run("nginx", "-t", "-c", folder / "nginx.conf")
    process = subprocess.Popen([tool("nginx"), "-c", str(folder / "nginx.conf")])
    try:
        served = Proxy(f"https://localhost:{port}", folder / "fastchat.pem")
        wait_for(lambda: _health(served) == 200)
        yield served
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
async def client(proxy: Proxy) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=proxy.url, verify=proxy.trusted, trust_env=False, timeout=60)


def _health(proxy: Proxy) -> int:
    try:
        url = f"{proxy.url}/health"
        return httpx.get(url, verify=proxy.trusted, trust_env=False).status_code
    except httpx.TransportError as error:
        raise OSError from error


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
