"""Pieces of every page: the chat, the box, and what events are given."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from fastchat.webui.session import INPUT_CHARACTERS

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

TRAY = Path(__file__).parent / "assets" / "tray.html"

PRIVATE: dict[str, Any] = {"preprocess": False, "api_visibility": "private"}
QUIET: dict[str, Any] = {**PRIVATE, "show_progress": "hidden", "queue": False}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """What stands outside of a tab and is read in it: hidden fields and the sidebar."""

    id: gr.Textbox
    browser: gr.Textbox
    temporary: gr.Checkbox
    seeing: gr.Textbox  # which models see, for the browser
    settings: Sequence[gr.components.Component]
    slots: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """Where a question is written. What was sent stands in hidden fields, so that the box is free
    for the next one, and what was refused can be given back."""

    id: str
    question: gr.Textbox
    asked: gr.Textbox
    pictures: gr.Textbox

    @property
    def sent(self) -> list[gr.Textbox]:
        return [self.asked, self.pictures]

    # What only the browser must know costs the server nothing. While an answer is written the next
    # question stays where it is.

    @property
    def send(self) -> str:
        return f"""async (text) => document.querySelector("#{self.id} .stop-button")
            ? ["", "", {{__type__: "update"}}]
            : [text, await window.pictures.take("{self.id}"),
               {{__type__: "update", value: "", submit_btn: false, stop_btn: true}}]"""

    @property
    def give_back(self) -> str:
        return f"""(text, pictures) => {{
            window.pictures.give("{self.id}", pictures);
            return {{__type__: "update", value: text}};
        }}"""

    @property
    def allow(self) -> str:
        """Pictures, when all models see that are asked."""
        return f"""(seeing, ...models) => {{
            window.pictures?.allow("{self.id}", seeing, models);
            return [];
        }}"""


BEGIN = "() => ({__type__: 'update', submit_btn: false, stop_btn: true})"
END = "() => ({__type__: 'update', submit_btn: true, stop_btn: false})"


def whatever_comes(event: Any, question: gr.Textbox) -> None:
    """The box is free again. Gradio's `then` is for what went well only."""
    for after in (event.then, event.failure):
        after(None, None, [question], js=END, api_visibility="private")


def streamed(chats: Sequence[gr.Chatbot], slots: int) -> dict[str, Any]:
    """How an answer is written into these: `slots` at once, on the whole page."""
    return {
        **PRIVATE,
        "outputs": list(chats),
        "show_progress": "hidden",
        "concurrency_limit": slots,
        "concurrency_id": "answers",
    }


def chat(say: gr.I18n, id: str, *, votes: bool) -> gr.Chatbot:
    """`votes`: with thumbs beside each answer, and questions that can be edited."""
    return gr.Chatbot(
        label=say("conversation"),
        show_label=False,
        container=False,
        elem_id=id,
        elem_classes="chat",
        placeholder=say("welcome") if votes else None,  # type: ignore[arg-type]  # a text
        layout="bubble",
        height="100%",
        scale=1,
        editable="user" if votes else None,
        buttons=["copy"],
        feedback_options=("Like", "Dislike", "Flag"),
        latex_delimiters=LATEX,
        sanitize_html=True,
        allow_tags=TAGS_AS_TEXT,
        allow_file_downloads=False,
        group_consecutive_messages=False,
    )


def box(say: gr.I18n, id: str, *, takes_pictures: bool = True) -> Box:
    asked = gr.Textbox(visible="hidden", elem_id=f"{id}-asked")
    pictures = gr.Textbox(visible="hidden", elem_id=f"{id}-pictures")
    with gr.Column(elem_classes="asking"):
        if takes_pictures:
            gr.HTML(TRAY.read_text(encoding="utf-8").replace("BOX", id), padding=False)
        question = gr.Textbox(
            label=say("message"),
            show_label=False,
            placeholder=say("message_hint"),
            lines=1,
            max_lines=10,
            max_length=INPUT_CHARACTERS,
            submit_btn=True,
            stop_btn=False,
            autofocus=False,
            container=False,
            elem_id=id,
            elem_classes="box",
        )
    return Box(id=id, question=question, asked=asked, pictures=pictures)
