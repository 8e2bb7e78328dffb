"""Row 9 of the fault table: API servers behind nginx, one of them killed."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest

from fastchat.engines.scripted import answer
from tests.faults.rehearsal import CHAT, TOKENS, Rehearsal, ended, rehearsing, started
from tests.running import free_ports
from tests.servers import until

pytestmark = pytest.mark.faults

CONFIG = """
daemon off; error_log stderr; pid nginx.pid; events {{ }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  upstream api {{ server 127.0.0.1:{one}; server 127.0.0.1:{other}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_next_upstream error timeout non_idempotent;
    }}
  }}
}}
"""


@contextmanager
def nginx(folder: Path, port: int, one: int, other: int) -> Iterator[None]:
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert program is not None, "make check-faults installs it"
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(port=port, one=one, other=other))
    with ended(
        subprocess.Popen([program, "-p", str(folder), "-c", str(config)], stderr=subprocess.DEVNULL)
    ):
        yield


@asynccontextmanager
async def behind_nginx(
    platform: Rehearsal, folder: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, "subprocess.Popen[bytes]"]]:
    """A client of nginx, and one of the two API servers behind it."""
    port, one, other = free_ports(3)
    controller = f"http://127.0.0.1:{platform.controller_port}"
    with ExitStack() as stack:
        killed, _ = (
            stack.enter_context(
                ended(
                    started(
                        *("openai-api-server", "--port", str(at), "--logdir", ""),
                        *("--controller", controller),
                    )
                )
            )
            for at in (one, other)
        )
        stack.enter_context(nginx(folder, port, one, other))
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            for at in (one, other):
                await is_ready(client, f"http://127.0.0.1:{at}/ready")
            yield client, killed


async def is_ready(client: httpx.AsyncClient, url: str) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if (await client.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)


async def ask(client: httpx.AsyncClient, said: str, begun: list[str]) -> str | None:
    """The answer; None when its stream was broken off."""
    body = {"model": "m", "messages": [{"role": "user", "content": said}], "stream": True}
    text, done = "", False
    try:
        async with client.stream("POST", CHAT, json=body) as streamed:
            assert streamed.status_code == 200, await streamed.aread()
            begun.append(said)
            async for line in streamed.aiter_lines():
                done = done or line == "data: [DONE]"
                if line.startswith("data: {"):
                    choice = json.loads(line.removeprefix("data: "))["choices"][0]
                    text += choice["delta"].get("content", "")
    except httpx.RemoteProtocolError:
        return None
    return text if done else None


async def test_row_9_an_api_server_is_killed(tmp_path: Path) -> None:
    async with (
        rehearsing(2, "--tokens-per-s", "25") as platform,
        behind_nginx(platform, tmp_path) as (client, killed),
    ):
        begun: list[str] = []
        said = [f"question {number}" for number in range(20)]
        open_streams = [asyncio.create_task(ask(client, one, begun)) for one in said]
        await until(lambda: len(begun) == 20)
        killed.kill()
        fresh = await asyncio.gather(*(ask(client, f"new {number}", []) for number in range(20)))
        assert fresh == [answer(f"user: new {number}", TOKENS) for number in range(20)]
        ends = await asyncio.gather(*open_streams)
        assert None in ends, "it held half of them"
        for one, end in zip(said, ends, strict=True):
            expected = answer(f"user: {one}", TOKENS)
            assert (end or await ask(client, one, [])) == expected
        await platform.all_answered()
