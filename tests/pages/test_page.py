"""The page in a browser. Pictures of what is seen go to build/pages."""

import json
import os
import re
import signal

import pytest
from playwright.sync_api import expect

from tests.pages.conftest import Open
from tests.running import MODEL, RunningPlatform

pytestmark = pytest.mark.pages

STORY = "Tell me a very long story about a lighthouse keeper and the sea."
RICH = """Code:
```python
def add(a, b):
    return a + b
```
and $$x^2 + y^2$$"""


def test_a_conversation_with_a_real_model(open_page: Open) -> None:
    tab = open_page()
    tab.picture("welcome")
    tab.set("Temperature", "0")
    tab.ask("Which city is the capital of France?")
    expect(tab.answers).to_contain_text(re.compile(r"\w+"))
    tab.wait_for_the_end()
    expect(tab.answers).to_contain_text("Paris")
    tab.picture("conversation")
    tab.ask("And of Italy?")
    expect(tab.answers).to_have_count(2)
    tab.wait_for_the_end()
    tab.page.reload()
    expect(tab.answers).to_have_count(2)


def test_an_answer_grows_until_it_is_stopped(open_page: Open) -> None:
    tab = open_page()
    tab.ask(STORY)
    expect(tab.answers).to_contain_text(re.compile(r"\w+"))
    first = tab.answers.inner_text()
    expect(tab.answers).not_to_have_text(first, use_inner_text=True)
    tab.picture("streaming")
    tab.box.fill("the next question")
    tab.box.press("Enter")  # too early: it waits
    tab.press("Stop")
    tab.wait_for_the_end()
    expect(tab.box).to_have_value("the next question")
    expect(tab.answers).to_have_count(1)
    assert len(tab.answers.inner_text()) >= len(first)
    tab.ask("Thank you.")  # the page is free again
    expect(tab.answers).to_have_count(2)


def test_a_question_is_edited(open_page: Open) -> None:
    tab = open_page("echo")
    tab.ask("first words")
    tab.wait_for_the_end()
    tab.ask("second words")
    expect(tab.answers.last).to_have_text("second words")
    tab.page.get_by_role("button", name="Edit").first.click()
    tab.page.locator("#chat textarea").fill("other words")
    tab.picture("editing")
    tab.press("Submit")
    expect(tab.answers).to_have_text(["other words"])
    expect(tab.questions).to_have_text(["other words"])


def test_an_answer_is_written_again(open_page: Open) -> None:
    tab = open_page()
    tab.ask("Say a number.")
    expect(tab.answers).to_contain_text(re.compile(r"\w+"))
    tab.wait_for_the_end()
    tab.press("Retry")
    expect(tab.page.locator("#box .stop-button")).to_be_visible()
    tab.wait_for_the_end()
    expect(tab.answers).to_have_count(1)


def test_enter_in_an_empty_box_does_not_stop_an_answer_that_is_written_again(
    open_page: Open,
) -> None:
    tab = open_page()
    tab.ask(STORY)
    expect(tab.answers).to_contain_text(re.compile(r"\w+"))
    tab.press("Stop")
    tab.wait_for_the_end()
    tab.press("Retry")
    expect(tab.page.locator("#box .stop-button")).to_be_visible()
    tab.box.press("Enter")
    for _ in range(4):
        so_far = tab.answers.inner_text()
        expect(tab.answers).not_to_have_text(so_far, use_inner_text=True)
    expect(tab.page.locator("#box .stop-button")).to_be_visible()
    tab.press("Stop")
    tab.wait_for_the_end()


def test_a_new_chat_is_empty(open_page: Open) -> None:
    tab = open_page("echo")
    tab.ask("hello")
    expect(tab.answers).to_have_text("hello")
    tab.press("New chat")
    expect(tab.questions).to_have_count(0)
    tab.page.reload()
    expect(tab.box).to_be_visible()
    expect(tab.questions).to_have_count(0)


def test_the_settings_reach_the_model(open_page: Open) -> None:
    tab = open_page("echo")
    tab.set("Max output tokens", "16")
    tab.ask(" ".join(f"word{n}" for n in range(30)))
    expect(tab.answers).to_have_text(" ".join(f"word{n}" for n in range(16)))


def test_an_example_becomes_the_message(open_page: Open) -> None:
    tab = open_page("echo")
    tab.press("Explain how a rainbow forms")
    expect(tab.box).to_have_value("Explain how a rainbow forms")
    tab.box.press("Enter")
    expect(tab.answers).to_have_text("Explain how a rainbow forms")


def test_enter_sends_and_shift_enter_does_not(open_page: Open) -> None:
    tab = open_page("echo")
    tab.box.press_sequentially("one")
    tab.box.press("Shift+Enter")
    tab.box.press_sequentially("two")
    expect(tab.box).to_have_value("one\ntwo")
    tab.box.press("Enter")
    expect(tab.questions).to_have_text(re.compile("one\\s*two"))


def test_models_are_chosen_by_name(open_page: Open) -> None:
    tab = open_page()
    tab.choose("echo")
    tab.ask("polly")
    expect(tab.answers).to_have_text("polly")


def test_votes_are_counted(open_page: Open, platform: RunningPlatform) -> None:
    tab = open_page("echo")
    tab.ask("vote for me")
    expect(tab.answers).to_have_text("vote for me")
    tab.press("Like")
    expect(tab.page.get_by_text("your vote is counted")).to_be_visible()
    (log,) = platform.folder.rglob("*-conv.json")
    line = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
    assert (line["type"], line["model"]) == ("upvote", "echo")
    assert line["state"]["messages"][-1] == ["assistant", "vote for me"]


@pytest.mark.parametrize(
    ("locale", "hello", "button"),
    [("en-GB", "What shall we talk about?", "New chat"), ("zh-CN", "想聊点什么", "新对话")],
)
def test_the_page_speaks_the_language_of_the_browser(
    open_page: Open, locale: str, hello: str, button: str
) -> None:
    tab = open_page("echo", locale=locale)
    expect(tab.page.get_by_text(hello)).to_be_visible()
    expect(tab.page.get_by_role("button", name=button)).to_be_visible()
    tab.picture(f"welcome-{locale}")


def test_the_page_fits_a_phone(open_page: Open) -> None:
    tab = open_page("echo", viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    tab.page.wait_for_function("!document.querySelector('.sidebar.open')")
    tab.ask("unbreakable" * 30)
    expect(tab.answers).to_have_text("unbreakable" * 30)
    width = tab.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    expect(tab.page.get_by_role("button", name="Send")).to_be_in_viewport()
    tab.picture("phone")


def test_the_page_is_dark_where_the_browser_is(open_page: Open) -> None:
    tab = open_page("echo", color_scheme="dark")
    tab.ask(RICH)
    expect(tab.page.locator("#chat .katex").first).to_be_visible()
    tab.picture("dark")
    colour = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", colour)[:3])) < 60


def test_code_and_formulas_are_set(open_page: Open) -> None:
    tab = open_page("echo")
    tab.ask(RICH)
    expect(tab.questions.locator("code .token.keyword")).to_have_text(["def", "return"])
    expect(tab.questions.locator(".katex")).to_be_visible()
    expect(tab.questions.locator(".copy_code_button")).to_be_visible()


def test_everything_has_a_name_for_who_cannot_see_it(open_page: Open) -> None:
    tab = open_page("echo")
    tab.ask("hello")
    expect(tab.answers).to_have_text("hello")
    for role, name in (
        ("combobox", "Model"),
        ("textbox", "System prompt"),
        ("slider", "Temperature"),
        ("slider", "Top P"),
        ("slider", "Max output tokens"),
        ("log", "conversation"),
        ("textbox", "Message"),
        ("button", "Send"),
        ("button", "Edit"),
        ("button", "Retry"),
        ("button", "Like"),
    ):
        expect(tab.page.get_by_role(role, name=name).first).to_be_visible()  # type: ignore[arg-type]  # ARIA roles


def test_a_worker_dies_in_the_middle_and_comes_back(
    open_page: Open, platform: RunningPlatform
) -> None:
    tab = open_page()
    tab.ask(STORY)
    expect(tab.answers).to_contain_text(re.compile(r"\w+"))
    os.kill(platform.worker_pid(), signal.SIGKILL)
    expect(tab.answers).to_contain_text("error_code: 50001")
    tab.picture("worker-died")
    tab.wait_for_the_end()
    platform.wait_for_model(MODEL)
    tab.press("Retry")
    expect(tab.answers).not_to_contain_text("error_code")
    expect(tab.answers).to_contain_text(re.compile(r"\w+ \w+"))
    tab.press("Stop")
    tab.wait_for_the_end()
