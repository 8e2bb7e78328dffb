"""Votes out of the files that FastChat 0.2 and our pages write: `YYYY-MM-DD-conv.json`."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fastchat.arena.battle import Ballot, Battle, Side, Vote, Winner, ballot

VOTES: Mapping[str, Winner] = {
    "leftvote": "left",
    "rightvote": "right",
    "tievote": "tie",
    "bothbad_vote": "both_bad",
}
LINE_CHARACTERS = 10_000_000


@dataclass(slots=True)
class OldLog:
    """`unreadable` are lines that should have been a vote and are none."""

    unreadable: int = 0

    def ballots(self, lines: Iterable[str]) -> Iterator[Ballot]:
        for line in lines:
            if "vote" not in line:  # most lines are chats, and long
                continue
            try:
                found = _ballot(json.loads(line)) if len(line) <= LINE_CHARACTERS else None
            except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
                self.unreadable += 1
                continue
            if found is not None:
                yield found


def _ballot(entry: dict[str, object]) -> Ballot | None:
    winner = VOTES.get(str(entry.get("type")))
    if winner is None:
        return None
    states, models = entry["states"], entry["models"]
    if not isinstance(states, list) or not isinstance(models, list):
        raise TypeError("a vote on a pair has two states")
    first, second = states
    # The names were hidden: "" before the vote, "### Model A: NAME" after it.
    blind = str(models[0]) == "" or "Model A" in str(models[0])
    stamp = float(str(entry["tstamp"]))
    left, right = _side(first), _side(second)
    if not left.model or not right.model or not left.answers or not right.answers:
        raise ValueError("a side has no name or no answer")
    battle = Battle(
        id=str(first["conv_id"]),
        kind="battle" if blind else "side_by_side",
        began_s=stamp,
        finished_s=stamp,
        questions=_said(first, 0),
        left=left,
        right=right,
        pictures=_pictures(first),
    )
    vote = Vote(
        battle=battle.id,
        winner=winner,
        voter="",
        address=str(entry.get("ip") or ""),
        cast_s=stamp,
        dwell_s=float("inf"),
    )
    return ballot(battle, vote)


def _side(state: dict[str, object]) -> Side:
    return Side(model=str(state["model_name"]), answers=_said(state, 1))


def _said(state: dict[str, object], role: int) -> tuple[str, ...]:
    """What one of the two roles said. A question with pictures is a pair: text and pictures."""
    roles, messages, offset = state["roles"], state["messages"], state.get("offset") or 0
    if not isinstance(roles, list) or not isinstance(messages, list) or not isinstance(offset, int):
        raise TypeError("a state has two roles and messages")
    texts = [
        text[0] if isinstance(text, list) and text else text
        for who, text in messages[offset:]
        if who == roles[role]
    ]
    return tuple(text for text in texts if isinstance(text, str))


def _pictures(state: dict[str, object]) -> tuple[str, ...]:
    messages = state["messages"]
    pairs = [text for _, text in messages] if isinstance(messages, list) else []
    return tuple(
        str(name)[:64]
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], list)
        for name in pair[1]
    )
