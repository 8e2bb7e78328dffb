"""The arena in a browser, against real processes: battle, vote, reveal, leaderboard, history."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from fastchat.arena.battle import Battle, Side, Vote
from fastchat.storage import Database, battles, votes
from tests.arena.votes import election
from tests.pages.conftest import PATIENCE_MS, Tab
from tests.running import MODEL, ROOT, RunningPlatform, answers, ask, free_ports

pytestmark = pytest.mark.pages

MODELS = {MODEL, "echo"}


@dataclass
class ArenaServer:
    """`gradio_web_server_multi` beside the platform, on a database of its own."""

    platform: RunningPlatform
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        command = [
            *(sys.executable, "-m", "fastchat.serve.gradio_web_server_multi"),
            *("--controller", self.platform.controller, "--host", "127.0.0.1"),
            *("--port", str(self.port), "--logdir", str(self.folder)),
        ]
        environ = os.environ | {"PYTHONPATH": str(ROOT), "FASTCHAT_DATA": str(self.folder)}
        with (self.folder / "page.log").open("ab") as out:
            process = subprocess.Popen(command, env=environ, stdout=out, stderr=out)
        try:
            self._wait()
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0

    def _wait(self) -> None:
        pause = Event()
        for _ in range(300):
            if (
                answers(f"{self.url}/ready")
                and set(ask(f"{self.url}/ready")[1]["models"]) == MODELS
            ):
                return
            pause.wait(0.2)
        pytest.fail((self.folder / "page.log").read_text())


@pytest.fixture(scope="module")
def server(
    platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ArenaServer]:
    (port,) = free_ports(1)
    one = ArenaServer(platform, tmp_path_factory.mktemp("arena"), port)
    with one.running():
        yield one


class ArenaTab(Tab):
    """What is seen of the tab that is open."""

    def shown(self, selector: str) -> Locator:
        return self.page.locator(selector).locator("visible=true")

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message").locator("visible=true")

    @property
    def answers(self) -> Locator:
        return self.shown(".chat .message.bot")

    @property
    def names(self) -> Locator:
        return self.shown(".name h3")

    def go(self, tab: str) -> None:
        self.page.get_by_role("tab", name=tab).click()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).locator("visible=true").click()


@pytest.fixture
def browse(browser: Browser, server: ArenaServer) -> Iterator[Any]:
    contexts: list[BrowserContext] = []
    tabs: list[ArenaTab] = []

    def opened(query: str = "", context: BrowserContext | None = None, **looks: Any) -> ArenaTab:
        window = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | looks
        if context is None:
            context = browser.new_context(**window)
            context.set_default_timeout(PATIENCE_MS)
            contexts.append(context)
        tab = ArenaTab(_watched(context.new_page(), tabs))
        tab.page.goto(f"{server.url}/{query}")
        wanted = TABS.get(query, "Chat")
        expect(tab.page.get_by_role("tab", name=wanted)).to_have_attribute("aria-selected", "true")
        if wanted == "Chat":  # it is selected from the beginning, and its model comes later
            expect(tab.shown("#model input")).not_to_have_value("")
        return tab

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(autouse=True)
def nobody_else_is_asked(server: ArenaServer) -> Iterator[None]:
    ASKED.clear()
    yield
    foreign = [url for url in ASKED if not url.startswith((f"{server.url}/", "data:", "blob:"))]
    assert foreign == [], "the page asked somebody else"


ASKED: list[str] = []
TABS = {"?arena": "Battle", "?compare": "Side by side", "?leaderboard": "Leaderboard"}


def _watched(page: Page, tabs: list[ArenaTab]) -> Page:
    page.on("request", lambda request: ASKED.append(request.url))
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    return page


def fight(tab: ArenaTab, question: str) -> None:
    tab.set("Max output tokens", "32")  # the real model writes with one thread
    tab.ask(question)
    expect(tab.page.get_by_role("button", name="A is better")).to_be_visible()
    expect(tab.answers).to_have_count(2)


def votes_on(tab: ArenaTab) -> int:
    """On the leaderboard, once it is there."""
    tab.go("Chat")
    tab.go("Leaderboard")
    summary = tab.shown("#board-summary")
    expect(summary).to_contain_text("votes count")
    found = re.search(r"([\d,]+) votes count", summary.inner_text())
    assert found is not None
    return int(found[1].replace(",", ""))


def test_a_battle_from_the_question_to_the_leaderboard(browse: Any) -> None:
    before = votes_on(browse("?leaderboard"))  # other tests vote too
    tab = browse("?arena")
    expect(tab.names).to_have_text(["Model A", "Model B"])
    fight(tab, "Write a poem about the sea, with a **bold** word.")
    expect(tab.names).to_have_text(["Model A", "Model B"])
    tab.picture("battle")
    tab.page.wait_for_timeout(2500)  # a vote given sooner does not count
    tab.page.get_by_label("Helpful").check()
    tab.press("A is better")
    expect(tab.names.first).to_have_text(re.compile("Model A: .+"))
    revealed = {name.partition(": ")[2] for name in tab.names.all_inner_texts()}
    assert revealed == MODELS
    expect(tab.page.get_by_role("button", name="A is better")).to_be_hidden()
    tab.picture("reveal")
    tab.go("Leaderboard")
    expect(tab.shown("#board td").filter(has_text="echo")).to_be_visible()
    expect(tab.shown("#board-summary")).to_contain_text(f"{before + 1:,} votes count")


def test_after_the_vote_a_new_round_begins(browse: Any) -> None:
    tab = browse("?arena")
    fight(tab, "Say hello.")
    tab.press("Tie")
    expect(tab.names.first).to_have_text(re.compile(": "))
    fight(tab, "Say goodbye.")
    expect(tab.names).to_have_text(["Model A", "Model B"])
    expect(tab.shown(".chat .message.user")).to_have_count(2)


def test_a_round_survives_a_reload(browse: Any) -> None:
    tab = browse("?arena")
    fight(tab, "Say something.")
    tab.page.reload()
    expect(tab.answers).to_have_count(2)
    tab.press("Both are bad")
    expect(tab.names.first).to_have_text(re.compile(": "))


def test_side_by_side_with_names_in_sight(browse: Any) -> None:
    tab = browse("?compare")
    fight(tab, "Which city is the capital of France?")
    texts = tab.names.all_inner_texts()
    assert {text.partition(": ")[2] for text in texts} == MODELS
    tab.picture("side-by-side")
    tab.press("B is better")
    expect(tab.shown("#side_by_side-note")).to_contain_text("Ask on, and vote again")


def test_the_leaderboard_has_charts(browse: Any, server: ArenaServer) -> None:
    _stuff(server)
    tab = browse("?leaderboard")
    tab.go("Chat")
    tab.go("Leaderboard")
    expect(tab.shown("#intervals .main-svg").first).to_be_visible()
    expect(tab.shown("#wins .main-svg").first).to_be_visible()
    expect(tab.shown("#board tbody tr").first).to_contain_text("strong-model")
    before = tab.shown("#board").inner_text()
    tab.page.get_by_label("Without the effect of style").check()
    expect(tab.shown("#board-summary")).to_contain_text("What style is worth")
    assert tab.shown("#board").inner_text() != before
    tab.page.evaluate("document.querySelector('.sidebar.open .toggle-button')?.click()")
    tab.page.wait_for_timeout(500)
    tab.picture("leaderboard")
    with tab.page.expect_download() as download:
        tab.press("Download CSV")
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert text.startswith("rank_best,rank_worst,model")
    assert "strong-model" in text


def test_the_chat_is_the_front_doors(browse: Any) -> None:
    tab = browse("?model=echo")
    tab.ask("hello")
    expect(tab.answers).to_have_text("hello")
    tab.picture("tabs")


@pytest.mark.parametrize("look", ["phone", "dark"])
def test_the_arena_fits_where_it_is_seen(browse: Any, look: str) -> None:
    all_looks: dict[str, dict[str, Any]] = {
        "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
        "dark": {"color_scheme": "dark"},
    }
    tab = browse("?arena", **all_looks[look])
    tab.ask("hello")
    expect(tab.answers).to_have_count(2)
    assert tab.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    tab.picture(f"battle-{look}")


def _stuff(server: ArenaServer) -> None:
    """Votes of earlier days, as another process of the platform would have written them."""
    database = Database.open(f"sqlite:///{server.folder / 'fastchat.db'}")
    strengths = {"strong-model": 1.2, MODEL: 0.1, "middle-model": 0.3, "echo": -0.9}
    for number, one in enumerate(election(strengths, 900, seed=3, per_word=1.0)):
        assert one.styles is not None
        left, right = (
            Side(model=model, answers=("word " * style.length,))
            for model, style in zip((one.left, one.right), one.styles, strict=True)
        )
        battle = Battle(
            id=f"{number:032x}",
            kind="battle",
            began_s=1.0,
            finished_s=2.0,
            questions=(f"Question {number}",),
            left=left,
            right=right,
        )
        vote = Vote(
            battle=battle.id,
            winner=one.winner,
            voter=f"v{number % 90}",
            address=f"10.0.0.{number % 50}",
            cast_s=1_700_000_000.0 + 600 * number,
            dwell_s=9.0,
        )
        battles.add(database, battle)
        votes.add(database, vote)
    assert database.writer.flush(60)
    database.close()
