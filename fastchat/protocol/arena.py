"""A vote on two answers of the model `arena`, and what comes back: the names."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

# What the API server's own row for the model speaks; no worker does.
DIALECT = "arena"

Reason = Annotated[str, Meta(min_length=1, max_length=40)]
Winner = Literal["left", "right", "tie", "both_bad"]
# Why a vote is stored and counts in no leaderboard.
Void = Literal["leak", "too_fast"]


class VoteRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`battle` is the `id` of the completion; its choice 0 is left, choice 1 is right. `user` names
    whoever voted, where one key serves many."""

    battle: Annotated[str, Meta(min_length=1, max_length=64)]
    winner: Winner
    reasons: Annotated[tuple[Reason, ...], Meta(max_length=8)] = ()
    user: Annotated[str, Meta(max_length=256)] | None = None


class VoteAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`left` and `right` are the models. `void` null: the vote counts, within the caps."""

    battle: str
    winner: Winner
    left: str
    right: str
    void: Void | None
