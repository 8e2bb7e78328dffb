"""Pictures in a browser, against real processes: two models that see, one that does not.

The ones that see are scripted: no weights of a vision model were to be had. What they say depends
on the bytes of a picture, so that an answer tells whether it arrived.
"""

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, expect

from tests.pages.conftest import PATIENCE_MS
from tests.pages.drawing import landscape
from tests.pages.test_arena import ArenaTab
from tests.running import MODEL, RunningPlatform, answers, ask, free_ports, running_platform
from tests.webui.drawing import png, url_of

pytestmark = pytest.mark.pages

EYES = ("eye-one", "eye-two")
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
Look = Callable[..., ArenaTab]


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    ports = free_ports(len(EYES))
    models = "".join(
        f'[[models]]\npath = "{name}"\nengine = "scripted"\nport = {port}\n'
        for name, port in zip(EYES, ports, strict=True)
    )
    tabs = 'arena = true\narguments = ["--multimodal"]'
    api = 'arguments = ["--arena"]'
    folder = tmp_path_factory.mktemp("pictures")
    with running_platform(folder, models, api=api, page=True, tabs=tabs) as running:
        pause = Event()
        for _ in range(600):
            ready = answers(f"{running.page}/ready")
            if ready and len(ask(f"{running.page}/ready")[1]["models"]) == 1 + len(EYES):
                break
            pause.wait(0.2)
        yield running


@pytest.fixture
def look(browser: Browser, seeing: RunningPlatform) -> Iterator[Look]:
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(query: str = f"?model={EYES[0]}", **looks: Any) -> ArenaTab:
        window = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | looks
        context = browser.new_context(**window)
        context.set_default_timeout(PATIENCE_MS)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        tab = ArenaTab(context.new_page())
        tab.page.on("pageerror", lambda error: complaints.append(str(error)))
        tab.page.on("dialog", lambda dialog: complaints.append(dialog.message))
        tab.page.goto(f"{seeing.page}/{query}")
        expect(add_button(tab)).to_be_visible()  # all is there
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def kept(tab: ArenaTab) -> Locator:
    """What the tray of the open tab holds."""
    return tab.shown(".tray .kept img")


def told(tab: ArenaTab) -> Locator:
    return tab.shown(".tray .told")


def add_button(tab: ArenaTab) -> Locator:
    return tab.shown(".tray .add")


def choose_file(tab: ArenaTab, *contents: bytes, kind: str = "image/png") -> None:
    files = [{"name": "x", "mimeType": kind, "buffer": content} for content in contents]
    with tab.page.expect_file_chooser() as chooser:
        add_button(tab).click()
    chooser.value.set_files(files)  # type: ignore[arg-type]  # three keys each


def shown_pictures(tab: ArenaTab) -> Locator:
    return tab.shown(".shown-pictures img")


def is_drawn(picture: Locator) -> bool:
    return bool(picture.evaluate("async (one) => { await one.decode(); return one.naturalWidth; }"))


def test_a_picture_from_a_file_is_shown_and_seen(look: Look) -> None:
    tab = look()
    tab.ask("What is it?")
    expect(tab.answers).to_have_count(1)
    without = tab.answers.inner_text()
    tab.press("New chat")
    expect(tab.answers).to_have_count(0)
    choose_file(tab, landscape())
    expect(kept(tab)).to_have_count(1)
    tab.picture("picture-tray")
    tab.ask("What is it?")
    expect(tab.answers).to_have_count(1)
    expect(shown_pictures(tab)).to_have_count(1)
    assert is_drawn(shown_pictures(tab))
    expect(kept(tab)).to_have_count(0)
    tab.wait_for_the_end()
    assert tab.answers.inner_text() != without
    tab.picture("picture")


def test_a_picture_is_pasted(look: Look) -> None:
    tab = look()
    tab.page.evaluate(
        """async (said) => {
            const bytes = Uint8Array.from(atob(said), (one) => one.charCodeAt(0));
            const picture = new Blob([bytes], { type: "image/png" });
            await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
        }""",
        base64.b64encode(landscape()).decode(),
    )
    tab.box.focus()
    tab.page.keyboard.press("Control+V")
    expect(kept(tab)).to_have_count(1)
    tab.box.press("Enter")  # words are not needed
    expect(shown_pictures(tab)).to_have_count(1)
    expect(tab.answers).to_have_count(1)


def test_a_text_is_pasted_as_ever(look: Look) -> None:
    tab = look()
    tab.page.evaluate("navigator.clipboard.writeText('some words')")
    tab.box.focus()
    tab.page.keyboard.press("Control+V")
    expect(tab.box).to_have_value("some words")
    expect(kept(tab)).to_have_count(0)


def test_pictures_are_dropped_and_taken_away_again(look: Look) -> None:
    tab = look()
    address = tab.page.url
    tab.page.evaluate(DROP, [base64.b64encode(png(red)).decode() for red in (10, 120, 240)])
    expect(kept(tab)).to_have_count(3)
    tab.page.get_by_role("button", name="Remove this picture").first.click()
    expect(kept(tab)).to_have_count(2)
    assert tab.page.url == address
    tab.ask("Which is red?")
    expect(shown_pictures(tab)).to_have_count(2)


@pytest.mark.parametrize(
    ("content", "kind", "why"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", "no picture that can"),
        (b"<script>alert(1)</script>", "image/png", "no picture that can"),
        (b"plain", "text/plain", "no picture that can"),
    ],
    ids=["svg", "markup", "text"],
)
def test_what_is_no_picture_is_told(look: Look, content: bytes, kind: str, why: str) -> None:
    tab = look()
    choose_file(tab, content, kind=kind)
    expect(told(tab)).to_contain_text(why)
    expect(kept(tab)).to_have_count(0)


def test_a_fifth_picture_is_told(look: Look) -> None:
    tab = look()
    choose_file(tab, *(png(red) for red in range(5)))
    expect(told(tab)).to_contain_text("at most four")
    expect(kept(tab)).to_have_count(4)


def test_where_the_model_does_not_see_it_is_told(look: Look) -> None:
    tab = look(f"?model={MODEL}")
    add_button(tab).click()
    expect(told(tab)).to_contain_text("These do: eye-one, eye-two.")
    tab.picture("picture-unseen")
    tab.page.get_by_role("combobox").first.click()
    tab.page.get_by_role("option", name=EYES[1]).click()
    expect(tab.page.get_by_text("These do: eye-one")).to_be_hidden()
    choose_file(tab, png())
    expect(kept(tab)).to_have_count(1)


def test_a_model_that_is_away_is_not_called_blind(look: Look) -> None:
    tab = look()
    tab.page.evaluate(
        """window.pictures.allow("box", '{"shown": ["a"], "blind": ["b"], "drawn": 1}', ["gone"])"""
    )
    choose_file(tab, png())
    expect(kept(tab)).to_have_count(1)
    expect(told(tab)).to_be_hidden()


def test_what_is_refused_is_given_back(look: Look) -> None:
    tab = look()
    tab.ask("hello")
    expect(tab.answers).to_have_count(1)
    tab.wait_for_the_end()
    choose_file(tab, png())
    expect(kept(tab)).to_have_count(1)
    tab.page.get_by_role("combobox").first.click()
    tab.page.get_by_role("option", name=MODEL).click()
    tab.box.fill("And this?")
    tab.box.press("Enter")
    expect(tab.page.get_by_text("does not see pictures. Choose")).to_be_visible()
    expect(tab.box).to_have_value("And this?")
    expect(kept(tab)).to_have_count(1)
    expect(tab.answers).to_be_visible()
    tab.wait_for_the_end()


def test_it_is_there_after_a_reload_and_can_be_asked_again(look: Look) -> None:
    tab = look()
    choose_file(tab, landscape())
    tab.ask("What is it?")
    expect(tab.answers).to_have_count(1)
    tab.wait_for_the_end()
    said = tab.answers.inner_text()
    tab.page.reload()
    expect(shown_pictures(tab)).to_have_count(1)
    assert is_drawn(shown_pictures(tab))
    tab.page.get_by_role("button", name="Retry").last.click()
    expect(tab.page.locator("#box .submit-button")).to_be_visible()
    expect(tab.answers).to_have_text(said)  # the same picture, the same words


def test_a_battle_with_a_picture(look: Look, seeing: RunningPlatform) -> None:
    tab = look("?arena")
    choose_file(tab, landscape())
    expect(kept(tab)).to_have_count(1)
    tab.ask("Which is the highest peak?")
    expect(tab.answers).to_have_count(2)
    expect(shown_pictures(tab)).to_have_count(2)
    expect(tab.names).to_have_text(["Model A", "Model B"])
    expect(tab.page.get_by_role("button", name="A is better")).to_be_visible()
    tab.picture("picture-battle")
    tab.page.wait_for_timeout(2500)  # a vote given sooner does not count
    tab.press("A is better")
    expect(tab.names.first).to_have_text(re.compile("Model A: .+"))
    assert {name.partition(": ")[2] for name in tab.names.all_inner_texts()} == set(EYES)
    tab.go("Leaderboard")
    tab.page.get_by_label("Category").click()
    tab.page.get_by_role("option", name="With a picture").click()
    expect(tab.shown("#board td").filter(has_text=EYES[0])).to_be_visible()


def test_a_picture_side_by_side(look: Look) -> None:
    tab = look("?compare")
    right = tab.shown(".models input").nth(1)
    right.click()
    tab.shown("[role=option]").filter(has_text=EYES[0]).click()
    expect(right).to_have_value(EYES[0])
    choose_file(tab, landscape())
    tab.ask("Which is the highest peak?")
    expect(tab.answers).to_have_count(2)
    expect(shown_pictures(tab)).to_have_count(2)


def test_a_picture_on_a_phone(look: Look) -> None:
    tab = look(**PHONE)
    choose_file(tab, landscape())
    expect(kept(tab)).to_have_count(1)
    tab.picture("picture-tray-phone")
    tab.ask("What is it?")
    expect(tab.answers).to_have_count(1)
    expect(shown_pictures(tab)).to_have_count(1)
    assert tab.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    tab.wait_for_the_end()
    tab.picture("picture-phone")


def test_a_battle_with_a_picture_on_a_phone(look: Look) -> None:
    tab = look("?arena", **PHONE)
    choose_file(tab, landscape())
    tab.ask("What is it?")
    expect(tab.answers).to_have_count(2)
    assert tab.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    tab.picture("picture-battle-phone")


def test_a_client_of_the_api_fights_with_pictures_too(seeing: RunningPlatform) -> None:
    content = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": url_of(png())}},
    ]
    asked = {"model": "arena", "messages": [{"role": "user", "content": content}]}
    status, said = ask(f"{seeing.api}/v1/chat/completions", asked)
    assert (status, len(said["choices"])) == (200, 2)
    status, vote = ask(f"{seeing.api}/v1/arena/vote", {"battle": said["id"], "winner": "tie"})
    assert (status, {vote["left"], vote["right"]}) == (200, set(EYES))


def test_nothing_of_a_picture_is_in_the_logs(seeing: RunningPlatform) -> None:
    """Runs in any order: whatever was asked so far."""
    mark = base64.b64encode(landscape())[:400].decode()
    for path in Path(seeing.folder).rglob("*.log"):
        assert mark not in path.read_text(encoding="utf-8", errors="replace")
        assert "data:image" not in path.read_text(encoding="utf-8", errors="replace")


DROP = """(pictures) => {
    const carried = new DataTransfer();
    for (const said of pictures) {
        const bytes = Uint8Array.from(atob(said), (one) => one.charCodeAt(0));
        carried.items.add(new File([bytes], "x.png", { type: "image/png" }));
    }
    const over = document.querySelector("#chat");
    for (const name of ["dragenter", "dragover", "drop"]) {
        over.dispatchEvent(new DragEvent(name, {
            bubbles: true, cancelable: true, dataTransfer: carried,
        }));
    }
}"""
