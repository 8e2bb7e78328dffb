"""Which models are drawn more often is the operator's to say."""

import random
from collections import Counter

import pytest

from fastchat.arena.draw_flags import DrawFlags
from fastchat.core.errors import ConfigError

MODELS = ("common", "favoured", "kept-out", "vendor=odd")
VOTES = dict.fromkeys(MODELS, 1000)  # nobody lacks any


def test_weights_decide_who_is_drawn() -> None:
    draw = DrawFlags(arena_weights=("favoured=6", "kept-out=0", "vendor=odd=0.5")).draw
    rng = random.Random(1)
    drawn = Counter(name for _ in range(2000) for name in draw.pair(MODELS, VOTES, rng))
    assert drawn["kept-out"] == 0
    assert drawn["favoured"] > drawn["common"] > drawn["vendor=odd"] > 0


def test_without_any_all_are_drawn_alike() -> None:
    assert DrawFlags().draw.weights == {}


@pytest.mark.parametrize("word", ["m", "m=", "=2", "m=-1", "m=nan", "m=inf", "m=often", "m=1001"])
def test_what_is_no_weight_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="NAME=WEIGHT"):
        _ = DrawFlags(arena_weights=(word,)).draw
