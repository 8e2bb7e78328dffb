"""How the chat tab looks, and which handler hears of what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from fastchat.webui.parts import GIVE_BACK, PRIVATE, QUIET, Shared, box, chat, streamed, waiting
from fastchat.webui.talk.handlers import TalkHandlers

EXAMPLES = ("example_1", "example_2", "example_3")


@dataclass(frozen=True, kw_only=True, slots=True)
class TalkView:
    chat: gr.Chatbot
    model: gr.Dropdown
    answered: Sequence[Any]  # events after which the history has something new


def talk_view(handlers: TalkHandlers, shared: Shared, say: gr.I18n, *, terms: bool) -> TalkView:
    asked = gr.Textbox(visible="hidden", elem_id="asked")
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
    question = box(say, "box")
    talk.like(handlers.vote, [shared.id], None, **PRIVATE | {"show_progress": "hidden"})
    for name, button in examples.items():
        button.click(handlers.example(name), None, [question], **QUIET)
    answered = _asking(handlers, shared, talk, asked, question, model)
    return TalkView(chat=talk, model=model, answered=answered)


def _asking(
    handlers: TalkHandlers,
    shared: Shared,
    talk: gr.Chatbot,
    asked: gr.Textbox,
    question: gr.Textbox,
    model: gr.Dropdown,
) -> Sequence[Any]:
    """Ask, ask again, ask something else: the events of the answers."""
    who, controls = [shared.id, shared.browser, shared.temporary], [model, *shared.settings]
    wait, many = waiting("#box"), streamed([talk], shared.slots)
    sent = question.submit(
        None, [question], [asked, question], js=wait.send, api_visibility="private"
    )
    asking = sent.then(handlers.ask, [*who, asked, *controls], **many)
    asking.failure(None, [asked], [question], js=GIVE_BACK, api_visibility="private")
    answered = [asking]
    for event, handler in ((talk.retry, handlers.regenerate), (talk.edit, handlers.edit)):
        event(None, None, [question], js=wait.begin, api_visibility="private")
        answered.append(event(handler, [*who, *controls], **many))
    for one in answered:
        one.then(None, None, [question], js=wait.end, api_visibility="private")
    question.stop(handlers.stop, [shared.id], None, **QUIET)
    return answered
