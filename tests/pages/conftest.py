"""A browser before the whole platform: real processes, the real model, and one that echoes."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.running import MODEL, ROOT, RunningPlatform, free_ports, running_platform

PICTURES = ROOT / "build" / "pages"
# The model writes with one thread on a machine that does other things as well.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Tab:
    """One page, and all that went on behind it."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message")

    @property
    def questions(self) -> Locator:
        return self.page.locator("#chat .message.user")

    @property
    def answers(self) -> Locator:
        return self.page.locator("#chat .message.bot")

    def choose(self, model: str) -> None:
        self.page.get_by_role("combobox").click()
        self.page.get_by_role("option", name=model).click()

    def set(self, name: str, value: str) -> None:
        self.page.get_by_label(f"number input for {name}").fill(value)
        self.page.keyboard.press("Tab")

    def ask(self, question: str) -> None:
        self.box.fill(question)
        self.box.press("Enter")
        expect(self.box).to_have_value("")

    def wait_for_the_end(self) -> None:
        expect(self.page.locator("#box .submit-button")).to_be_visible()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).last.click()

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


Open = Callable[..., Tab]


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    (port,) = free_ports(1)
    echo = f'[[models]]\npath = "echo"\nengine = "echo"\nport = {port}\n'
    folder = tmp_path_factory.mktemp("pages")
    with running_platform(folder, echo, page=True) as running:
        for model in (MODEL, "echo"):
            running.wait_for_model(model)
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("these tests need Chromium: make browsers")
    with sync_playwright() as playwright:
        # In a container the kernel's sandbox for it is not there; it visits our own page only.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, platform: RunningPlatform) -> Iterator[Open]:
    """Opens the page in a window of its own, and holds it to what every page must keep."""
    contexts: list[BrowserContext] = []
    tabs: list[Tab] = []

    def opened(model: str = MODEL, **looks: Any) -> Tab:
        window = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | looks
        context = browser.new_context(**window)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        tab = Tab(context.new_page())
        tab.page.on("request", lambda request: tab.asked.append(request.url))
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.page.on("dialog", lambda dialog: tab.complaints.append(dialog.message))
        tabs.append(tab)
        tab.page.goto(f"{platform.page}/?model={model}")
        expect(tab.page.get_by_role("combobox")).to_have_value(model)
        return tab

    yield opened
    for context in contexts:
        context.close()
    foreign = [url for tab in tabs for url in tab.asked if _is_foreign(url, platform.page)]
    assert foreign == [], "the page asked somebody else"
    assert [tab.complaints for tab in tabs if tab.complaints] == []


def _is_foreign(url: str, page: str) -> bool:
    return not url.startswith((f"{page}/", "data:", "blob:"))
