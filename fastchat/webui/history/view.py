"""How the history looks: a list in the sidebar, and what can be done with the open conversation."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from fastchat.webui.history.handlers import HistoryHandlers
from fastchat.webui.parts import QUIET

# A tab is found again by what it keeps itself.
REMEMBER = """(id) => {
    try { sessionStorage.setItem("fastchat-session", id); } catch {}
    return [];
}"""
WHOLE = "(link) => link ? new URL(link, location.origin + location.pathname).href : link"


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryView:
    temporary: gr.Checkbox
    search: gr.Textbox
    past: gr.Radio
    actions: "Actions"


@dataclass(frozen=True, kw_only=True, slots=True)
class Actions:
    title: gr.Textbox
    pin: gr.Button
    share: gr.Button
    unshare: gr.Button
    link: gr.Textbox
    json: gr.Button
    markdown: gr.Button
    forget: gr.Button
    text: gr.Textbox


def history_view(say: gr.I18n) -> HistoryView:
    temporary = gr.Checkbox(False, label=say("temporary"), elem_id="temporary")
    with gr.Accordion(say("history"), open=True, elem_id="history"):
        search = gr.Textbox(
            show_label=False,
            label=say("history_search"),
            placeholder=say("history_search"),
            elem_id="history-search",
            container=False,
            max_length=200,
        )
        past = gr.Radio([], show_label=False, label=say("history"), elem_id="past", container=False)
        with gr.Accordion(say("this_chat"), open=False, elem_id="this-chat"):
            title = gr.Textbox(
                label=say("rename"), max_length=200, submit_btn=True, elem_id="rename"
            )
            link = gr.Textbox(label=say("link"), visible=False, elem_id="link", interactive=False)
            with gr.Row():
                pin, share, unshare, json, markdown, forget = (
                    gr.Button(say(name), size="sm", elem_id=f"chat-{name}")
                    for name in ("pin", "share", "unshare", "json", "markdown", "forget")
                )
    text = gr.Textbox(visible="hidden", elem_id="export-text")
    return HistoryView(
        temporary=temporary,
        search=search,
        past=past,
        actions=Actions(
            title=title,
            pin=pin,
            share=share,
            unshare=unshare,
            link=link,
            json=json,
            markdown=markdown,
            forget=forget,
            text=text,
        ),
    )


def connect(
    view: HistoryView,
    handlers: HistoryHandlers,
    id: gr.Textbox,
    browser: gr.Textbox,
    chat: gr.Chatbot,
    assets: Path,
) -> Callable[[Any], None]:
    """What each click leads to. Gives back what an event has to call that changed the list."""
    actions, whose = view.actions, [id, browser]

    def relist(event: Any) -> None:
        event.then(handlers.listed, [*whose, view.search], [view.past], **QUIET)

    def remember(event: Any) -> Any:
        return event.then(None, [id], None, js=REMEMBER, api_visibility="private")

    view.search.change(handlers.listed, [*whose, view.search], [view.past], **QUIET)
    remember(view.past.input(handlers.open, [*whose, view.past], [id, chat], **QUIET))
    relist(actions.title.submit(handlers.rename, [*whose, actions.title], None, **QUIET))
    relist(actions.pin.click(handlers.pin, whose, None, **QUIET))
    shared = actions.share.click(handlers.share, whose, [actions.link], **QUIET)
    shared.then(None, [actions.link], [actions.link], js=WHOLE, api_visibility="private")
    actions.unshare.click(handlers.unshare, whose, [actions.link], **QUIET)
    relist(remember(actions.forget.click(handlers.forget, whose, [id, chat], **QUIET)))
    script = (assets / "download.js").read_text(encoding="utf-8")
    for button, kind, name in (
        (actions.json, "json", "chat.json"),
        (actions.markdown, "markdown", "chat.md"),
    ):
        made = button.click(handlers.export(kind), [id], [actions.text], **QUIET)
        made.then(
            None, [actions.text], None, js=script.replace("NAME", name), api_visibility="private"
        )
    return relist
