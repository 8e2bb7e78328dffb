"""Our ratings beside those of arena-rank, the package of the public arena, on the same votes."""

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastchat.arena.battle import Winner
from fastchat.arena.leaderboard import MEAN, POINTS
from fastchat.arena.ratings.bradley_terry import fit
from fastchat.arena.ratings.intervals import Interval, sandwich
from fastchat.arena.ratings.matches import Floats, matches
from tests.arena.votes import election

pytestmark = pytest.mark.arena

SCRIPT = Path(__file__).parent / "arena_rank_ratings.py"
THEIR_WINNER: dict[Winner, str] = {
    "left": "model_a", "right": "model_b", "tie": "tie", "both_bad": "both_bad",
}  # fmt: skip
rng = random.Random(11)
STRENGTHS = {f"model-{n:02}": rng.gauss(0, 1) for n in range(20)}
BALLOTS = election(STRENGTHS, 20_000, seed=5, per_word=1.0)
ROWS = matches(BALLOTS)
DRAWN = [
    np.random.default_rng(seed).multinomial(20_000, ROWS.counts / 20_000).astype(np.float64)
    for seed in range(2)
]


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    python = os.environ.get("ARENA_RANK_PYTHON")
    if python is None:
        pytest.fail("these tests need arena-rank in an environment of its own: make check-arena")
    votes = [(one.left, one.right, THEIR_WINNER[one.winner]) for one in BALLOTS]
    features = matches(BALLOTS, styled=True).features.tolist()
    asked = json.dumps(
        {"votes": votes, "features": features, "counts": [one.tolist() for one in DRAWN]}
    )
    done = subprocess.run(
        [python, str(SCRIPT)], input=asked, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_ratings_and_intervals_are_the_same(theirs: dict[str, Any]) -> None:
    found = fit(ROWS)
    assert theirs["plain"]["models"] == list(ROWS.models)
    assert in_points(found.ratings) == pytest.approx(theirs["plain"]["ratings"], abs=0.01)
    assert widths(sandwich(ROWS, found)) == pytest.approx(their_widths(theirs["plain"]), rel=0.01)


def test_with_style_control_too(theirs: dict[str, Any]) -> None:
    rows = matches(BALLOTS, styled=True)
    found = fit(rows)
    styled = theirs["styled"]
    assert in_points(found.ratings) == pytest.approx(styled["ratings"], abs=0.01)
    assert found.effects == pytest.approx(styled["coeffs"], abs=0.01 / POINTS)
    assert widths(sandwich(rows, found)) == pytest.approx(their_widths(styled), rel=0.01)


def test_votes_drawn_again_are_rated_the_same(theirs: dict[str, Any]) -> None:
    found = fit(ROWS)
    for counts, ratings in zip(DRAWN, theirs["again"], strict=True):
        ours = fit(ROWS.counted(counts), found).ratings
        assert in_points(ours) == pytest.approx(in_points(np.array(ratings)), abs=0.01)


def in_points(natural: Floats) -> list[float]:
    return [float(one) for one in natural * POINTS + MEAN]


def widths(interval: Interval) -> Floats:
    return np.asarray((interval.upper - interval.lower) * POINTS)


def their_widths(found: dict[str, Any]) -> Floats:
    return np.asarray(np.array(found["rating_upper"]) - np.array(found["rating_lower"]))
