"""How the pages of two models look: a view with parameters, blind or with the names in sight."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from fastchat.arena.battle import Winner
from fastchat.webui.pair.handlers import REASONS, PairHandlers
from fastchat.webui.parts import GIVE_BACK, QUIET, box, chat, streamed, waiting

BUTTONS: Sequence[tuple[Winner, str]] = (
    ("left", "vote_left"),
    ("tie", "vote_tie"),
    ("both_bad", "vote_both_bad"),
    ("right", "vote_right"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """What stands outside of a tab and is read in it: hidden fields and the sidebar."""

    id: gr.Textbox
    browser: gr.Textbox
    temporary: gr.Checkbox
    settings: Sequence[gr.components.Component]
    slots: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PairView:
    chats: Sequence[gr.Chatbot]
    models: Sequence[gr.Dropdown]  # none in a blind one
    standing: Sequence[gr.components.Component]


def pair_view(handlers: PairHandlers, shared: Shared, say: gr.I18n) -> PairView:
    kind = handlers.kind
    models = [] if handlers.is_blind else _models(say)
    with gr.Row(elem_classes="pair"):
        sides = [_side(say, f"{kind}-{side}") for side in ("left", "right")]
    headings, chats = [heading for heading, _ in sides], [one for _, one in sides]
    note = gr.Markdown(elem_id=f"{kind}-note", elem_classes="note")
    with gr.Group(visible=False, elem_id=f"{kind}-vote", elem_classes="vote") as ballot:
        with gr.Row():
            votes = {
                winner: gr.Button(say(text), elem_id=f"{kind}-{winner}", size="md")
                for winner, text in BUTTONS
            }
        reasons = gr.CheckboxGroup(
            [(say(f"reason_{reason}"), reason) for reason in REASONS],
            label=say("reasons"),
            elem_id=f"{kind}-reasons",
        )
    asked = gr.Textbox(visible="hidden", elem_id=f"{kind}-asked")
    question = box(say, f"{kind}-box")
    with gr.Row(elem_classes="tools"):
        new = gr.Button(say("new_round" if handlers.is_blind else "new_chat"), size="sm")
        again = gr.Button(say("regenerate"), size="sm", elem_id=f"{kind}-again")
        even = gr.Checkbox(handlers.is_blind, label=say("even"), elem_id=f"{kind}-even")

    standing = [*headings, ballot, note, reasons]
    chosen: Sequence[gr.components.Component] = models or [asked, asked]
    controls = [*chosen, *shared.settings]
    wait = waiting(f"#{kind}-box")

    def stand(event: Any) -> None:
        event(handlers.standing, [shared.id], standing, **QUIET)

    many = streamed(chats, shared.slots)
    sent = question.submit(
        None, [question], [asked, question], js=wait.send, api_visibility="private"
    )
    sent.then(None, None, [ballot], js=HIDE, api_visibility="private")
    asking = sent.then(handlers.ask, [shared.id, asked, even, *controls], **many)
    asking.failure(None, [asked], [question], js=GIVE_BACK, api_visibility="private")
    retried = again.click(None, None, [question], js=wait.begin, api_visibility="private")
    repeating = retried.then(handlers.regenerate, [shared.id, even, *controls], **many)
    for answering in (asking, repeating):
        answering.then(None, None, [question], js=wait.end, api_visibility="private")
        stand(answering.then)
    question.stop(handlers.stop, [shared.id], None, **QUIET)
    stand(new.click(handlers.clear, [shared.id], chats, **QUIET).then)
    for winner, button in votes.items():
        _votes(button, handlers.vote(winner), [shared.id, shared.browser, reasons], standing)
    return PairView(chats=chats, models=models, standing=standing)


HIDE = "() => ({__type__: 'update', visible: false})"


def _votes(
    button: gr.Button, cast: Callable[..., object], inputs: Sequence[Any], outputs: Sequence[Any]
) -> None:
    private = {"preprocess": False, "api_visibility": "private", "show_progress": "hidden"}
    button.click(cast, list(inputs), list(outputs), **private)  # type: ignore[arg-type]


def _models(say: gr.I18n) -> list[gr.Dropdown]:
    with gr.Row(elem_classes="models"):
        return [
            gr.Dropdown(
                [],
                label=say(name),
                show_label=False,
                container=False,
                filterable=False,
                elem_id=f"side-{name.replace('_', '-')}",
                elem_classes="model",
            )
            for name in ("model_a", "model_b")
        ]


def _side(say: gr.I18n, id: str) -> tuple[gr.Markdown, gr.Chatbot]:
    with gr.Column(elem_classes="side"):
        heading = gr.Markdown(elem_id=f"{id}-name", elem_classes="name")
        return heading, chat(say, id, votes=False)
