"""Pictures by URL: fetched from where it is allowed, never from inside, within bounds."""

from dataclasses import replace

import pytest

from fastchat.core.errors import InvalidRequest
from fastchat.gateway.addresses import Hosts
from fastchat.gateway.pictures import MOST, Pictures
from tests.pictures import DATA, PNG, Names, answer, pictures_at

ROOM = 10_000


async def test_a_picture_is_data_then(pictures: Pictures, names: Names) -> None:
    async with pictures_at(answer()) as (url, _):
        assert await pictures.fetched([url, url], ROOM) == {url: DATA}
    assert names.asked == ["outside"]  # once, and never again


REFUSALS = [
    ([answer(b"<svg/>")], "no PNG"),
    ([answer(PNG[:16] + b"\xff" * 8)], r"4294967295 x 4294967295 pixels.*67,108,864"),
    ([answer(status="404 No")], "404"),
    ([answer(PNG + b"x" * ROOM)], "too large"),
    ([answer(b"", "302 Found", "location: http://inside/a.png")], "public"),
    ([answer(b"", "302 Found", "location: http://127.0.0.2/a.png")], "public"),
    ([answer(b"", "302 Found", "location: http://[::1]/a.png")], "public"),
    ([answer(b"", "302 Found", "location: http://127\u30020\u30020\u30022/a.png")], "public"),
    ([answer(b"", "302 Found", "location: file:///etc/passwd")], "no http"),
    ([answer(b"", "302 Found", "location: http://[")], "no http"),
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
    "url",
    [
        "http://127.0.0.1:{}/",
        "http://127.0.0.1.:{}/",
        "http://localhost:{}/",
        "http://2130706433:{}/",
        "http://127.1:{}/",
        "http://0x7f.0.0.1:{}/",
        "http://[::ffff:127.0.0.1]:{}/",
        # yarl takes these dots and digits for the plain ones
        "http://127\u30020\u30020\u30021:{}/",
        "http://127\uff0e0\uff0e0\uff0e1:{}/",
        "http://127\uff610\uff610\uff611:{}/",
        "http://\uff11\uff12\uff17.0.0.1:{}/",
        "http://\u2460\u2461\u2466.0.0.1:{}/",
        "http://%31%32%37.0.0.1:{}/",
        "http://outside@127\u30020\u30020\u30021:{}/",
        "http://[",
        "ftp://x/",
        "",
    ],
)
async def test_nobody_inside_is_even_connected_to(url: str) -> None:
    async with pictures_at(answer()) as (reached, server):
        port = reached.split(":")[2].partition("/")[0]
        with pytest.raises(InvalidRequest):
            await Pictures(hosts=Hosts(["*"])).fetched([url.format(port)], ROOM)
        assert server.connections == 0


async def test_an_address_is_judged_when_it_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, pictures: Pictures
) -> None:
    """However it came past what is said of its spelling."""
    monkeypatch.setattr("fastchat.gateway.pictures.is_address", lambda host: False)
    async with pictures_at(answer()) as (reached, server):
        url = reached.replace("outside", "127.0.0.1")
        with pytest.raises(InvalidRequest, match="public"):
            await replace(pictures, is_allowed=lambda one: False).fetched([url], ROOM)
        assert server.connections == 0


def test_an_international_name_is_allowed_as_it_is_written() -> None:
    for allowed in ("b\u00fccher.de", "xn--bcher-kva.de", "*.de"):
        Pictures(hosts=Hosts([allowed]))._judged("http://b\u00fccher.de/")


async def test_a_picture_counts_as_often_as_it_is_named(pictures: Pictures) -> None:
    room = 3 * len(DATA)
    async with pictures_at(answer()) as (url, _):
        assert await pictures.fetched([url] * 3, room) == {url: DATA}
    async with pictures_at(answer()) as (url, _):
        with pytest.raises(InvalidRequest, match="too large"):
            await pictures.fetched([url] * 3, room - 1)
    with pytest.raises(InvalidRequest, match=f"more than {MOST}"):
        await pictures.fetched(["http://outside/"] * (MOST + 1), ROOM)
