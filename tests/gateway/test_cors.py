"""Whose pages may read answers in a browser."""

import httpx
import pytest
from starlette.responses import PlainTextResponse

from fastchat.core.config import read
from fastchat.gateway.config import GatewayConfig
from fastchat.gateway.cors import Cors, Pages

NEARBY = ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:8443"]
ELSEWHERE = [
    "https://evil.example",
    "null",
    "http://localhost.evil.example",
    "http://localhost:1@x",
]


async def may_read(origin: str, *flags: str, wants_keys: bool) -> bool:
    """By an answer, and by what the browser asks before: both say the same."""
    config = read(GatewayConfig, flags, environ={})
    cors = Cors(credentials=False, origins=config.allowed_origins, methods=("*",), headers=("*",))
    app = Pages(PlainTextResponse("said"), cors=cors, wants_keys=lambda: wants_keys)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        head = {"origin": origin}
        answer = await client.post("/", headers=head)
        asked = head | {"access-control-request-method": "POST"}
        before = await client.options("/", headers=asked)
    allowed = [one.headers.get("access-control-allow-origin") for one in (answer, before)]
    assert allowed in ([origin, origin], ["*", "*"], [None, None])
    assert before.status_code == (400 if allowed[0] is None else 200)
    return allowed[0] is not None


@pytest.mark.parametrize("origin", ELSEWHERE)
async def test_without_keys_no_page_from_elsewhere_reads(origin: str) -> None:
    assert not await may_read(origin, wants_keys=False)


@pytest.mark.parametrize("origin", NEARBY)
async def test_pages_of_this_machine_read(origin: str) -> None:
    assert await may_read(origin, wants_keys=False)


@pytest.mark.parametrize("origin", [*NEARBY, *ELSEWHERE])
async def test_where_keys_are_wanted_every_page_reads_as_before(origin: str) -> None:
    assert await may_read(origin, wants_keys=True)


async def test_who_is_named_reads_and_nobody_else() -> None:
    flags = ("--allowed-origins", '["https://chat.example"]')
    assert await may_read("https://chat.example", *flags, wants_keys=False)
    assert not await may_read(NEARBY[0], *flags, wants_keys=True)


async def test_a_star_is_what_it_was() -> None:
    assert await may_read(ELSEWHERE[0], "--allowed-origins", '["*"]', wants_keys=False)


async def test_what_helps_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    await may_read(ELSEWHERE[0], wants_keys=False)
    (said,) = caplog.messages
    assert "--allowed-origins" in said
