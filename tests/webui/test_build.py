"""The pages as they are built from flags: behind a login, and with models of providers only."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from fastchat.core.database import DatabaseUrl
from fastchat.webui.build import build
from fastchat.webui.config import ArenaConfig
from tests.exposition import Told
from tests.providers.fakes import Fake, events
from tests.servers import serving
from tests.webui.visitor import CONTROLS, Visitor, said

SAID = events(
    {"choices": [{"index": 0, "delta": {"content": "hello"}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    done=True,
)
Pages = Callable[..., AbstractAsyncContextManager[str]]


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    """All tabs, with two models of a provider and no controller."""

    @asynccontextmanager
    async def opened(**flags: object) -> AsyncIterator[str]:
        async with Fake(SAID).served() as base:
            one = {"api_type": "openai", "api_base": f"{base}/v1", "api_key": "k"}
            file = tmp_path / "api_endpoints.json"
            file.write_text(
                json.dumps({name: one | {"model_name": name} for name in ("far", "near")})
            )
            config = ArenaConfig(
                controller_address="",
                register_api_endpoint_file=file,
                database_url=DatabaseUrl(f"sqlite:///{tmp_path / 'kept.db'}"),
                logdir=None,
                **flags,  # type: ignore[arg-type]  # a test names its flags
            )
            async with serving(build(config).app) as url:
                yield url

    return opened


async def status(asked: AbstractAsyncContextManager[aiohttp.ClientResponse]) -> int:
    """The answer is closed: a long one that nobody reads would keep its connection."""
    async with asked as answer:
        return answer.status


async def test_without_a_controller_there_are_the_models_of_providers(pages: Pages) -> None:
    async with pages() as url, aiohttp.ClientSession() as session:
        visitor = Visitor(session, url, model="far")
        await visitor.open()
        rows = await visitor.ask("hi")
    assert [said(row) for row in rows] == ["hi", "hello"]


async def test_a_page_tells_of_its_battles_and_of_what_it_spends(
    pages: Pages, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.json"
    price = {"input": 1, "output": 1, "as_of": "2026-01"}
    prices.write_text(json.dumps({"far": price, "near": price}))
    async with pages(price_file=prices) as url, aiohttp.ClientSession() as session:
        visitor = Visitor(session, url)
        await visitor.open()
        await visitor.whole("ask_1", [visitor.id, "hi", "", False, None, None, *CONTROLS])
        await visitor.whole("cast", [visitor.id, visitor.browser, []])
        async with session.get(f"{url}/metrics") as answer:
            told = Told(await answer.text())
    assert told.value("arena_battles_total", kind="battle", outcome="whole") == 1
    assert told.value("arena_votes_total", kind="battle", winner="left") == 1
    assert told.labels("arena_votes_total", "kind") == {"battle", "side_by_side"}
    assert told.labels("provider_spend_dollars_total", "model") == {"far", "near"}


async def test_a_page_with_users_shows_nothing_before_the_login(
    pages: Pages, tmp_path: Path
) -> None:
    users = tmp_path / "users"
    users.write_text("ada:right, bob:other")
    jar = aiohttp.CookieJar(unsafe=True)  # the server has a number for a name
    async with (
        pages(gradio_auth_path=users) as url,
        aiohttp.ClientSession(cookie_jar=jar) as session,
    ):
        for path in ("config", "gradio_api/queue/data?session_hash=x"):
            assert await status(session.get(f"{url}/{path}")) == 401
        assert await status(session.post(f"{url}/gradio_api/queue/join", json={})) == 401
        wrong = {"username": "ada", "password": "other"}
        assert await status(session.post(f"{url}/login", data=wrong)) == 400
        assert await status(session.get(f"{url}/config")) == 401
        right = {"username": "ada", "password": "right"}
        assert await status(session.post(f"{url}/login", data=right)) == 200
        assert await status(session.get(f"{url}/config")) == 200


async def test_a_login_has_one_history_in_every_browser(pages: Pages, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("ada:right, bob:other")
    async with pages(gradio_auth_path=users) as url:
        told: list[list[str]] = []
        for user, password in (("ada", "right"), ("ada", "right"), ("bob", "other")):
            jar = aiohttp.CookieJar(unsafe=True)
            async with aiohttp.ClientSession(cookie_jar=jar) as session:
                await status(
                    session.post(f"{url}/login", data={"username": user, "password": password})
                )
                visitor = Visitor(session, url, model="far")
                await visitor.open()
                if not told:
                    await visitor.ask("my question")
                ((found,),) = await visitor.whole("listed", [visitor.id, visitor.browser, ""])
                told.append([title for title, _ in found["choices"]])
    assert told == [["my question"], ["my question"], []]
