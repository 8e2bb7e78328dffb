"""How the page looks: components, and which handler hears of what."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes.utils import sizes

from fastchat.webui.handlers import Handlers
from fastchat.webui.session import INPUT_CHARACTERS, MAX_TOKENS, TEMPERATURE, TOP_P
from fastchat.webui.texts import Texts, Words

FOLLOW_S = 5.0
# Behind `rows.inert`: tags that Markdown never makes are shown as the text that they are. Those
# that it makes (`input` for a task) cannot be here: the component looks at the HTML that came of
# it, not at what was said.
TAGS_AS_TEXT = [
    *("abbr", "acronym", "address", "applet", "area", "article", "aside", "audio", "b", "base"),
    *("basefont", "bdi", "bdo", "bgsound", "big", "blink", "body", "canvas", "caption", "center"),
    *("cite", "col", "colgroup", "data", "datalist", "dd", "details", "dfn", "dialog", "dir", "dl"),
    *("dt", "embed", "fieldset", "figcaption", "figure", "font", "footer", "form", "frame"),
    *("frameset", "head", "header", "hgroup", "html", "i", "iframe", "image", "img", "ins"),
    *("isindex", "kbd", "keygen", "label", "legend", "link", "listing", "main", "map", "mark"),
    *("marquee", "math", "menu", "menuitem", "meta", "meter", "nav", "nobr", "noembed"),
    *("noframes", "noscript", "object", "optgroup", "option", "output", "param", "picture"),
    *("plaintext", "portal", "progress", "q", "rb", "rp", "rt", "rtc", "ruby", "s", "samp"),
    *("script", "search", "section", "select", "slot", "small", "source", "strike", "style", "sub"),
    *("summary", "sup", "template", "textarea", "tfoot", "time", "title", "track", "tt", "u"),
    *("var", "video", "wbr", "xmp"),
]
LATEX: list[dict[str, str | bool]] = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "\\[", "right": "\\]", "display": True},
    {"left": "\\(", "right": "\\)", "display": False},
]
FONTS = (
    *("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "PingFang SC"),
    *("Microsoft YaHei", "Noto Sans CJK SC", "sans-serif"),
)
MONOSPACE = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
EXAMPLES = ("example_1", "example_2", "example_3")

# The box beside an answer that is being written, run by the browser alone. While one is written the
# next question stays where it is.
WAIT = "() => ({__type__: 'update', submit_btn: false, stop_btn: true})"
REST = "() => ({__type__: 'update', submit_btn: true, stop_btn: false})"
SEND = """(text) => document.querySelector("#box .stop-button")
    ? ["", {__type__: "update"}]
    : [text, {__type__: "update", value: "", submit_btn: false, stop_btn: true}]"""
GIVE_BACK = "(text) => ({__type__: 'update', value: text})"


def view(
    handlers: Handlers, assets: Path, *, follows_models: bool, terms: bool, slots: int
) -> gr.Blocks:
    """`slots`: answers that are written at once."""
    say = gr.I18n()
    page = gr.Blocks(title="fastchat", analytics_enabled=False, fill_height=True)
    with page:
        id = gr.Textbox(visible="hidden", elem_id="session")
        asked = gr.Textbox(visible="hidden", elem_id="asked")
        known = gr.State([])
        with gr.Sidebar(open=True, width=300, elem_id="controls"):
            gr.HTML((assets / "brand.html").read_text(encoding="utf-8"), padding=False)
            new = gr.Button(say("new_chat"), elem_id="new-chat", variant="primary")
            settings = _settings(say)
        with gr.Column(elem_id="stage"):
            model = gr.Dropdown(
                [],
                label=say("model"),
                show_label=False,
                container=False,
                filterable=False,
                elem_id="model",
            )
            controls = [model, *settings]
            if terms:
                gr.Markdown(say("terms"), elem_id="terms")
            chat = _chat(say)
            with gr.Row(elem_id="examples"):
                examples = {name: gr.Button(say(name), size="sm") for name in EXAMPLES}
            box = _box(say)
        private: dict[str, Any] = {"preprocess": False, "api_visibility": "private"}
        quiet: dict[str, Any] = {**private, "show_progress": "hidden", "queue": False}
        streamed: dict[str, Any] = {
            **private,
            "outputs": [chat],
            "show_progress": "hidden",
            "concurrency_limit": slots,
            "concurrency_id": "answers",
        }
        # What only the browser must know costs the server nothing: an update of a second component
        # with every word costs as much as the word.
        sent = box.submit(None, [box], [asked, box], js=SEND, api_visibility="private")
        asking = sent.then(handlers.ask, [id, asked, *controls], **streamed)
        asking.failure(None, [asked], [box], js=GIVE_BACK, api_visibility="private")
        for event, handler in ((chat.retry, handlers.regenerate), (chat.edit, handlers.edit)):
            event(None, None, [box], js=WAIT, api_visibility="private")
            again = event(handler, [id, *controls], **streamed)
            again.then(None, None, [box], js=REST, api_visibility="private")
        asking.then(None, None, [box], js=REST, api_visibility="private")
        box.stop(handlers.stop, [id], None, **quiet)
        chat.like(handlers.vote, [id], None, **private | {"show_progress": "hidden"})
        for clearing in (new.click, chat.clear):
            clearing(handlers.clear, [id], [chat], **quiet)
        for name, button in examples.items():
            button.click(handlers.example(name), None, [box], **quiet)
        page.load(
            handlers.opened,
            [id],
            [id, chat, model, known],
            js=(assets / "session.js").read_text(encoding="utf-8"),
            **private | {"show_progress": "hidden"},
        )
        if follows_models:
            tick = gr.Timer(FOLLOW_S).tick
            tick(handlers.follow, [known, model], [model, known], **quiet)
    _raise_slots(page, slots)
    return page


def translations(texts: Texts) -> gr.I18n:
    tables = {language: _table(words) for language, words in texts.languages.items()}
    # A browser says which Chinese it means.
    regions = {f"zh-{region}": tables["zh"] for region in ("CN", "SG", "TW", "HK")}
    return gr.I18n(**tables, **regions)


def theme() -> gr.themes.Base:
    return gr.themes.Base(
        primary_hue="indigo",
        neutral_hue="slate",
        radius_size=sizes.radius_lg,
        font=FONTS,
        font_mono=MONOSPACE,
    )


def _table(words: Words) -> dict[str, str]:
    return {name: getattr(words, name) for name in words.__struct_fields__ if name != "faults"}


def _settings(say: gr.I18n) -> Sequence[gr.components.Component]:
    return [
        gr.Textbox(
            label=say("system"),
            info=say("system_info"),
            lines=4,
            max_lines=8,
            max_length=INPUT_CHARACTERS,
            elem_id="system",
        ),
        gr.Slider(
            *TEMPERATURE, 0.7, step=0.1, label=say("temperature"), info=say("temperature_info")
        ),
        gr.Slider(*TOP_P, 1.0, step=0.1, label=say("top_p"), info=say("top_p_info")),
        gr.Slider(*MAX_TOKENS, 1024, step=16, label=say("max_tokens"), info=say("max_tokens_info")),
    ]


def _chat(say: gr.I18n) -> gr.Chatbot:
    return gr.Chatbot(
        label=say("conversation"),
        show_label=False,
        container=False,
        elem_id="chat",
        placeholder=say("welcome"),  # type: ignore[arg-type]  # stands for a text
        layout="bubble",
        height="100%",
        scale=1,
        editable="user",
        buttons=["copy"],
        feedback_options=("Like", "Dislike", "Flag"),
        latex_delimiters=LATEX,
        sanitize_html=True,
        allow_tags=TAGS_AS_TEXT,
        allow_file_downloads=False,
        group_consecutive_messages=False,
    )


def _box(say: gr.I18n) -> gr.Textbox:
    return gr.Textbox(
        label=say("message"),
        show_label=False,
        placeholder=say("message_hint"),
        lines=1,
        max_lines=10,
        max_length=INPUT_CHARACTERS,
        submit_btn=True,
        stop_btn=False,
        autofocus=True,
        container=False,
        elem_id="box",
    )


def _raise_slots(page: gr.Blocks, slots: int) -> None:
    """The queue has 40 slots in all unless told otherwise before it is made. After each event it
    counts all it remembers, for a page that is not shown; and it looks for work every millisecond.
    """
    page.max_threads = slots + 40
    page.queue(default_concurrency_limit=None, max_size=slots * 4, api_open=False)
    page._queue.ANAYLTICS_CACHE_FREQUENCY = sys.maxsize
    page._queue.sleep_when_free = 0.01
