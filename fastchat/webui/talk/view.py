"""How the chat tab looks, and which handler hears of what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from fastchat.webui.parts import (
    BEGIN,
    PRIVATE,
    QUIET,
    Box,
    Shared,
    box,
    chat,
    streamed,
    whatever_comes,
)
from fastchat.webui.talk.handlers import TalkHandlers

EXAMPLES = ("example_1", "example_2", "example_3")


@dataclass(frozen=True, kw_only=True, slots=True)
class TalkView:
    chat: gr.Chatbot
    model: gr.Dropdown
    answered: Sequence[Any]  # events after which the history has something new


def talk_view(handlers: TalkHandlers, shared: Shared, say: gr.I18n, *, terms: bool) -> TalkView:
    model = gr.Dropdown(
        [],
        label=say("model"),
        show_label=False,
        container=False,
        filterable=False,
        elem_id="model",
        elem_classes="model",
    )
    if terms:
        gr.Markdown(say("terms"), elem_id="terms", elem_classes="terms")
    talk = chat(say, "chat", votes=True)
    with gr.Row(elem_id="examples"):
        examples = {name: gr.Button(say(name), size="sm") for name in EXAMPLES}
    asking = box(say, "box")
    talk.like(handlers.vote, [shared.id], None, **PRIVATE | {"show_progress": "hidden"})
    for name, button in examples.items():
        button.click(handlers.example(name), None, [asking.question], **QUIET)
    answered = _asking(handlers, shared, talk, asking, model)
    return TalkView(chat=talk, model=model, answered=answered)


def _asking(
    handlers: TalkHandlers, shared: Shared, talk: gr.Chatbot, asking: Box, model: gr.Dropdown
) -> Sequence[Any]:
    """Ask, ask again, ask something else: the events of the answers."""
    who, controls = [shared.id, shared.browser, shared.temporary], [model, *shared.settings]
    question, many = asking.question, streamed([talk], shared.slots)
    sent = question.submit(
        None, [question], [*asking.sent, question], js=asking.send, api_visibility="private"
    )
    asked = sent.then(handlers.ask, [*who, *asking.sent, *controls], **many)
    asked.failure(None, asking.sent, [question], js=asking.give_back, api_visibility="private")
    answered = [asked]
    for event, handler in ((talk.retry, handlers.regenerate), (talk.edit, handlers.edit)):
        event(None, None, [question], js=BEGIN, api_visibility="private")
        answered.append(event(handler, [*who, *controls], **many))
    for one in answered:
        whatever_comes(one, question)
    question.stop(handlers.stop, [shared.id], None, **QUIET)
    for change in (model.change, shared.seeing.change):
        change(None, [shared.seeing, model], None, js=asking.allow, api_visibility="private")
    return answered
