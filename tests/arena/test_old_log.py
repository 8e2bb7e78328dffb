"""Files of FastChat 0.2 are read, whatever else is in them."""

import json

import pytest

from fastchat.arena.old_log import OldLog


def state(model: str, answer: str, conv_id: str = "c" * 32) -> dict[str, object]:
    return {
        "template_name": "vicuna_v1.1",
        "system_message": "",
        "roles": ["USER", "ASSISTANT"],
        "messages": [["USER", "Tell me a joke"], ["ASSISTANT", answer]],
        "offset": 0,
        "conv_id": conv_id,
        "model_name": model,
    }


def line(type: str = "leftvote", models: tuple[str, ...] = ("", ""), **other: object) -> str:
    entry: dict[str, object] = {
        "tstamp": 1700000000.1234,
        "type": type,
        "models": list(models),
        "states": [state("vicuna-13b", "Ha."), state("alpaca-13b", "**Ho** ho.")],
        "ip": "10.0.0.1",
    }
    return json.dumps(entry | other)


@pytest.mark.parametrize(
    ("type", "winner"),
    [
        ("leftvote", "left"),
        ("rightvote", "right"),
        ("tievote", "tie"),
        ("bothbad_vote", "both_bad"),
    ],
)
def test_every_vote_on_a_pair_is_read(type: str, winner: str) -> None:
    (found,) = OldLog().ballots([line(type)])
    assert (found.left, found.right, found.winner) == ("vicuna-13b", "alpaca-13b", winner)
    assert (found.kind, found.address, found.cast_s) == ("battle", "10.0.0.1", 1700000000.1234)
    assert found.categories == {"english", "creative"}


def test_names_in_sight_make_it_no_battle() -> None:
    kinds = [
        next(OldLog().ballots([line(models=models)])).kind
        for models in (("### Model A: vicuna", "### Model B: alpaca"), ("vicuna", "alpaca"))
    ]
    assert kinds == ["battle", "side_by_side"]


def test_a_model_that_names_itself_leaks() -> None:
    said = [state("vicuna-13b", "I am Vicuna."), state("alpaca-13b", "Hi.")]
    (found,) = OldLog().ballots([line(states=said)])
    assert found.leaked


def test_chats_and_single_votes_are_passed_over() -> None:
    log = OldLog()
    assert list(log.ballots([line("chat"), line("upvote"), line("share"), "", "\n"])) == []
    assert log.unreadable == 0


@pytest.mark.parametrize(
    "broken",
    [
        '{"type": "leftvote"',
        '{"type": "leftvote"}',
        '["leftvote"]',
        line(states=[]),
        line(states=[state("", "x"), state("b", "y")]),
        line(states=[state("a", "x") | {"messages": "none"}, state("b", "y")]),
        line(models=()),
        line(tstamp="yesterday"),
        '"leftvote' + "[" * 100_000,
    ],
)
def test_what_is_broken_is_counted_and_passed_over(broken: str) -> None:
    log = OldLog()
    assert len(list(log.ballots([broken, line()]))) == 1
    assert log.unreadable == 1


def test_a_question_with_pictures_is_its_text() -> None:
    pictured = state("a-model", "Nice.") | {
        "messages": [["USER", ["What is this?", ["md5"]]], ["ASSISTANT", "Nice."]]
    }
    (found,) = OldLog().ballots([line(states=[pictured, state("b-model", "Hm.")])])
    assert found.question


def test_a_question_with_a_picture_is_one() -> None:
    seen = state("vicuna-13b", "A cat.")
    seen["messages"] = [["USER", ["What is it?", ["a1b2.jpg"]]], ["ASSISTANT", "A cat."]]
    (found,) = OldLog().ballots([line(states=[seen, state("alpaca-13b", "A dog.")])])
    assert "vision" in found.categories
