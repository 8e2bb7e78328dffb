"""The history in a browser: a restart of the page's process, and a link to a shared chat."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.pages.conftest import PATIENCE_MS
from tests.pages.test_arena import ArenaServer, ArenaTab
from tests.running import RunningPlatform, free_ports

pytestmark = pytest.mark.pages

Person = Callable[[], BrowserContext]


@pytest.fixture
def server(platform: RunningPlatform, tmp_path: Path) -> ArenaServer:
    (port,) = free_ports(1)
    return ArenaServer(platform, tmp_path, port)


@pytest.fixture
def person(browser: Browser) -> Iterator[Person]:
    """A browser of somebody else."""
    contexts: list[BrowserContext] = []

    def come() -> BrowserContext:
        context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        return context

    yield come
    for context in contexts:
        context.close()


def _open(context: BrowserContext, url: str) -> ArenaTab:
    tab = ArenaTab(context.new_page())
    tab.page.goto(url)
    expect(tab.shown("#model input")).not_to_have_value("")
    return tab


def test_a_conversation_goes_on_after_a_restart_of_the_page(
    server: ArenaServer, person: Person
) -> None:
    ada = person()
    with server.running():
        tab = _open(ada, f"{server.url}/?model=echo")
        tab.ask("before the restart")
        expect(tab.answers).to_have_text("before the restart")
        tab.wait_for_the_end()
    with server.running():
        tab.page.reload()
        expect(tab.answers).to_have_text("before the restart")
        expect(tab.shown("#past label")).to_have_text("before the restart")
        expect(tab.shown("#model input")).not_to_have_value("")
        tab.ask("and after it")
        expect(tab.answers).to_have_count(2)
        expect(tab.answers.last).to_have_text("and after it")
        another = _open(
            ada, f"{server.url}/?model=echo"
        )  # a new tab begins anew, and knows the old
        expect(another.answers).to_have_count(0)
        another.shown("#past label").click()
        expect(another.answers).to_have_count(2)


def test_a_shared_chat_is_read_by_its_link_until_it_is_taken_back(
    server: ArenaServer, person: Person
) -> None:
    with server.running():
        ada = _open(person(), f"{server.url}/?model=echo")
        ada.ask("read this")
        expect(ada.answers).to_have_text("read this")
        ada.wait_for_the_end()
        ada.page.get_by_role("button", name="This chat").click()
        ada.press("Share")
        expect(ada.shown("#link textarea, #link input")).not_to_have_value("")
        link = ada.shown("#link textarea, #link input").input_value()
        assert link.startswith(f"{server.url}/?")
        bob = _open(person(), link)
        expect(bob.answers).to_have_text("read this")
        ada.picture("shared")
        ada.press("Stop sharing")
        expect(ada.shown("#link")).to_have_count(0)
        late = _open(person(), link)
        expect(late.answers).to_have_count(0)
