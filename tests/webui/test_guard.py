"""What stands before Gradio."""

import io
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from tests.scripted import ScriptedEngine
from tests.webui.pages import served_page

NEEDED = ["/", "/config", "/theme.css", "/health", "/ready"]
NOT_NEEDED = [
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/file/etc/passwd",
    "/gradio_api/proxy=http://127.0.0.1:1/",
    "/gradio_api/info",
    "/gradio_api/openapi.json",
    "/gradio_api/vibe-code",
    "/gradio_api/custom_component/1/2/3/4",
    "/monitoring",
    "/logout",  # a picture in an answer would ask for it
    "/static/../../../../../etc/passwd",
    "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/assets/..%2f..%2froutes.py",
    "/docs",
    "/openapi.json",
]


@pytest.fixture
async def page() -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        served_page(ScriptedEngine()) as url,
        aiohttp.ClientSession(base_url=url) as session,
    ):
        yield session


async def test_what_the_page_needs_is_there(page: aiohttp.ClientSession) -> None:
    assert {await _status(page, path) for path in NEEDED} == {200}


async def test_what_it_does_not_need_is_not_there(page: aiohttp.ClientSession) -> None:
    assert [path for path in NOT_NEEDED if await _status(page, path) != 404] == []


async def test_nothing_can_be_left_there(page: aiohttp.ClientSession) -> None:
    for path in ("upload", "call/ask", "run/ask", "stream/1", "vibe-edit"):
        async with page.post(f"/gradio_api/{path}", data={"files": "x"}) as answer:
            assert answer.status == 404


async def test_only_our_scripts_run_and_nobody_else_is_asked(page: aiohttp.ClientSession) -> None:
    async with page.get("/") as answer:
        policy = answer.headers["content-security-policy"]
        html = await answer.text()
    nonce = re.search(r"'nonce-([\w-]+)'", policy)
    assert nonce is not None
    assert "script-src 'self' 'nonce-" in policy
    assert "connect-src 'self'" in policy
    scripts = re.findall(r"<script\b[^>]*>", html)
    assert scripts
    assert all(f'nonce="{nonce[1]}"' in script for script in scripts)
    assert "huggingface" not in html.partition("<script")[0]


async def test_no_two_pages_have_the_same_mark(page: aiohttp.ClientSession) -> None:
    async with page.get("/") as one, page.get("/") as other:
        assert one.headers["content-security-policy"] != other.headers["content-security-policy"]


async def test_other_sites_pages_are_refused(page: aiohttp.ClientSession) -> None:
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"},
    ):
        async with page.post("/gradio_api/queue/join", json={}, headers=headers) as answer:
            assert answer.status == 403


async def test_a_link_from_another_site_opens_the_page(page: aiohttp.ClientSession) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    async with page.get("/", headers=headers) as answer:
        assert answer.status == 200


async def test_a_huge_request_is_refused(page: aiohttp.ClientSession) -> None:
    async with page.post("/gradio_api/queue/join", data=io.BytesIO(b"x" * 3_000_000)) as answer:
        assert answer.status == 413


async def _status(page: aiohttp.ClientSession, path: str) -> int:
    async with page.get(URL(path, encoded=True)) as answer:
        return answer.status
