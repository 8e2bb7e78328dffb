"""An interval holds the truth about as often as it says."""

import random

import numpy as np
import pytest

from fastchat.arena.ratings.bradley_terry import fit
from fastchat.arena.ratings.intervals import Interval, bootstrap, sandwich
from fastchat.arena.ratings.matches import matches
from fastchat.arena.ratings.ranks import rank_ranges
from tests.arena.votes import election, results

STRENGTHS = {"a": 0.7, "b": 0.1, "c": -0.8}


def test_the_interval_of_two_is_that_of_a_share() -> None:
    """For two models the rating is half a logit, whose variance everybody knows: 1/won + 1/lost."""
    rows = matches(results(("a", "b", "left", 60), ("a", "b", "right", 40)))
    interval = sandwich(rows, fit(rows))
    width = 1.959964 * np.sqrt(1 / 60 + 1 / 40) / 2
    assert (interval.upper - interval.lower) / 2 == pytest.approx([width, width], rel=1e-6)


def test_most_intervals_hold_the_truth() -> None:
    truth = np.array(list(STRENGTHS.values()))
    held = []
    for seed in range(40):
        ballots = [b for b in election(STRENGTHS, 400, seed=seed) if b.winner != "tie"]
        rows = matches(ballots)
        interval = sandwich(rows, fit(rows))
        held += list((interval.lower <= truth) & (truth <= interval.upper))
    assert 0.9 <= np.mean(held) <= 0.99


def test_drawing_again_gives_the_same_width() -> None:
    rows = matches(election(STRENGTHS, 3000))
    found = fit(rows)
    one, other = sandwich(rows, found), bootstrap(rows, found, random.Random(1), rounds=200)
    ratio = (other.upper - other.lower) / (one.upper - one.lower)
    assert ratio == pytest.approx(np.ones(3), abs=0.15)


def test_drawing_again_is_repeatable() -> None:
    rows = matches(election(STRENGTHS, 300))
    found = fit(rows)
    first, again = (bootstrap(rows, found, random.Random(7), rounds=10) for _ in range(2))
    assert (first.lower == again.lower).all()


def test_style_may_be_drawn_again_too() -> None:
    rows = matches(election(STRENGTHS, 300), styled=True)
    interval = bootstrap(rows, fit(rows), random.Random(7), rounds=10)
    assert (interval.lower < interval.upper).all()


def test_who_overlaps_shares_ranks() -> None:
    interval = Interval(np.array([10.0, 7.0, 1.0, 0.0]), np.array([12.0, 10.5, 2.0, 20.0]))
    assert rank_ranges(interval, [True, True, True, False]) == [(1, 2), (1, 2), (3, 3), None]
