"""Votes made by chance from known strengths, and single ones."""

import math
import random
from collections.abc import Mapping

from fastchat.arena.battle import Ballot, Winner
from fastchat.arena.style import Style

DAY_S = 86_400.0


def cast(left: str, right: str, winner: Winner, number: int = 0, **other: object) -> Ballot:
    """One vote like all others; `other` says what is different about it."""
    fields: dict[str, object] = {
        "battle": f"b{number}",
        "kind": "battle",
        "left": left,
        "right": right,
        "winner": winner,
        "cast_s": 1000.0 + number,
        "voter": f"voter{number}",
        "address": f"address{number}",
        "dwell_s": 10.0,
        "question": f"question{number}",
    }
    return Ballot(**(fields | other))  # type: ignore[arg-type]  # a test names its fields


def results(*pairs: tuple[str, str, Winner, int]) -> list[Ballot]:
    """As many votes of each kind as are asked for."""
    kinds = [(left, right, winner) for left, right, winner, times in pairs for _ in range(times)]
    return [cast(*kind, number) for number, kind in enumerate(kinds)]


def election(
    strengths: Mapping[str, float], votes: int, *, seed: int = 0, per_word: float = 0.0
) -> list[Ballot]:
    """`strengths` in natural units; `per_word`: what it helps to be the longer answer."""
    rng = random.Random(seed)
    return [_vote(strengths, rng, number, per_word) for number in range(votes)]


def _vote(
    strengths: Mapping[str, float], rng: random.Random, number: int, per_word: float
) -> Ballot:
    left, right = rng.sample(sorted(strengths), 2)
    styles = _style(rng), _style(rng)
    a, b = (style.length for style in styles)
    odds = strengths[left] - strengths[right] + per_word * (a - b) / (a + b)
    tie = rng.random() < 0.15
    won = rng.random() < 1 / (1 + math.exp(-odds))
    winner: Winner = "tie" if tie else "left" if won else "right"
    return cast(left, right, winner, number, styles=styles)


def _style(rng: random.Random) -> Style:
    return Style(rng.randint(10, 300), rng.randint(0, 4), rng.randint(0, 9), rng.randint(0, 6))
