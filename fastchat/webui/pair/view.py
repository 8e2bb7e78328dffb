"""How the pages of two models look: a view with parameters, blind or with the names in sight."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from fastchat.arena.battle import Kind, Winner
from fastchat.webui.pair.handlers import REASONS, PairHandlers
from fastchat.webui.parts import BEGIN, QUIET, Box, Shared, box, chat, streamed, whatever_comes

BUTTONS: Sequence[tuple[Winner, str]] = (
    ("left", "vote_left"),
    ("tie", "vote_tie"),
    ("both_bad", "vote_both_bad"),
    ("right", "vote_right"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PairView:
    chats: Sequence[gr.Chatbot]
    models: Sequence[gr.Dropdown]  # none in a blind one
    standing: Sequence[gr.blocks.Block]


def pair_view(handlers: PairHandlers, shared: Shared, say: gr.I18n) -> PairView:
    kind = handlers.kind
    models = [] if handlers.is_blind else _models(say)
    with gr.Row(elem_classes="pair"):
        sides = [_side(say, f"{kind}-{side}") for side in ("left", "right")]
    headings, chats = [heading for heading, _ in sides], [one for _, one in sides]
    note = gr.Markdown(elem_id=f"{kind}-note", elem_classes="note")
    ballot = _ballot(say, kind)
    asking = _asking(handlers, say)
    standing = [*headings, ballot.group, note, ballot.reasons]
    _connect_asking(asking, handlers, shared, models, chats, ballot, standing)
    for winner, button in ballot.votes.items():
        whose = [shared.id, shared.browser, ballot.reasons]
        _votes(button, handlers.vote(winner), whose, standing)
    return PairView(chats=chats, models=models, standing=standing)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ballot:
    group: gr.Group
    votes: Mapping[Winner, gr.Button]
    reasons: gr.CheckboxGroup


def _ballot(say: gr.I18n, kind: Kind) -> _Ballot:
    with gr.Group(visible=False, elem_id=f"{kind}-vote", elem_classes="vote") as group:
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
    return _Ballot(group=group, votes=votes, reasons=reasons)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asking:
    box: Box
    new: gr.Button
    again: gr.Button
    even: gr.Checkbox


def _asking(handlers: PairHandlers, say: gr.I18n) -> _Asking:
    kind, is_blind = handlers.kind, handlers.is_blind
    asking = box(say, f"{kind}-box", takes_pictures=handlers.takes_pictures)
    with gr.Row(elem_classes="tools"):
        return _Asking(
            box=asking,
            new=gr.Button(say("new_round" if is_blind else "new_chat"), size="sm"),
            again=gr.Button(say("regenerate"), size="sm", elem_id=f"{kind}-again"),
            even=gr.Checkbox(is_blind, label=say("even"), elem_id=f"{kind}-even"),
        )


def _connect_asking(
    asking: _Asking,
    handlers: PairHandlers,
    shared: Shared,
    models: Sequence[gr.Dropdown],
    chats: Sequence[gr.Chatbot],
    ballot: _Ballot,
    standing: Sequence[Any],
) -> None:
    where, question = asking.box, asking.box.question
    nobody = [where.asked, where.asked]
    controls = [asking.even, *(models or nobody), *shared.settings]
    many = streamed(chats, shared.slots)

    def stand(event: Any) -> None:
        event(handlers.standing, [shared.id], list(standing), **QUIET)

    sent = question.submit(
        None, [question], [*where.sent, question], js=where.send, api_visibility="private"
    )
    sent.then(None, None, [ballot.group], js=HIDE, api_visibility="private")
    answering = sent.then(handlers.ask, [shared.id, *where.sent, *controls], **many)
    answering.failure(None, where.sent, [question], js=where.give_back, api_visibility="private")
    retried = asking.again.click(None, None, [question], js=BEGIN, api_visibility="private")
    repeating = retried.then(handlers.regenerate, [shared.id, *controls], **many)
    for one in (answering, repeating):
        whatever_comes(one, question)
        stand(one.then)
        stand(one.failure)
    question.stop(handlers.stop, [shared.id], None, **QUIET)
    stand(asking.new.click(handlers.clear, [shared.id], list(chats), **QUIET).then)
    for change in (shared.seeing.change, *(model.change for model in models)):
        change(None, [shared.seeing, *models], None, js=where.allow, api_visibility="private")


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
