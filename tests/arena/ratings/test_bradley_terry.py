"""The ratings are those that make the votes likeliest."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastchat.arena.battle import Ballot, Winner
from fastchat.arena.ratings.bradley_terry import expected, fit, gradient
from fastchat.arena.ratings.connection import rateable
from fastchat.arena.ratings.matches import matches
from tests.arena.votes import cast, election, results

SWAPPED: dict[Winner, Winner] = {
    "left": "right", "right": "left", "tie": "tie", "both_bad": "both_bad",
}  # fmt: skip


def test_two_models_are_as_far_apart_as_their_odds() -> None:
    found = fit(matches(results(("a", "b", "left", 30), ("a", "b", "right", 10))))
    assert found.ratings[0] - found.ratings[1] == pytest.approx(math.log(3), abs=1e-9)
    assert found.ratings.sum() == pytest.approx(0, abs=1e-12)


def test_a_tie_is_half_a_win_for_each() -> None:
    with_ties = fit(matches(results(("a", "b", "left", 20), ("a", "b", "tie", 20))))
    in_wins = fit(matches(results(("a", "b", "left", 30), ("a", "b", "right", 10))))
    assert with_ties.ratings == pytest.approx(in_wins.ratings, abs=1e-9)


def test_every_model_wins_as_much_as_its_rating_says() -> None:
    """The likelihood equations of Bradley and Terry."""
    rows = matches(election({"a": 1.0, "b": 0.0, "c": -0.5, "d": 0.3}, 500))
    found = fit(rows)
    chances = expected(rows, found.parameters)
    won = np.bincount(rows.left, rows.counts * (rows.scores - chances), rows.size)
    lost = np.bincount(rows.right, rows.counts * (rows.scores - chances), rows.size)
    assert won - lost == pytest.approx(np.zeros(4), abs=1e-7)
    assert gradient(rows, found.parameters) == pytest.approx(np.zeros(4), abs=1e-7)


def test_strengths_are_found_again() -> None:
    strengths = {"a": 0.8, "b": 0.1, "c": -0.9}
    ballots = [ballot for ballot in election(strengths, 20_000) if ballot.winner != "tie"]
    found = fit(matches(ballots))
    assert found.ratings == pytest.approx(list(strengths.values()), abs=0.05)


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_sides_make_no_difference(seed: int) -> None:
    ballots = election({"a": 1.0, "b": 0.0, "c": -1.0}, 150, seed=seed, per_word=1.0)
    swapped = [_swapped(ballot) for ballot in ballots]
    one, other = (fit(matches(votes, styled=True)) for votes in (ballots, swapped))
    assert one.parameters == pytest.approx(other.parameters, abs=1e-8)


def test_a_vote_of_half_the_weight_is_half_a_vote() -> None:
    votes = results(("a", "b", "left", 30), ("a", "b", "right", 20))
    halved = fit(matches(votes, [1.0] * 30 + [0.5] * 20))
    fewer = fit(matches(results(("a", "b", "left", 30), ("a", "b", "right", 10))))
    assert halved.ratings == pytest.approx(fewer.ratings, abs=1e-9)


def test_length_explains_what_length_won() -> None:
    """Two equals; voters like the longer answer. Its effect is found, and the models stay equal."""
    rows = matches(election({"a": 0.0, "b": 0.0}, 20_000, per_word=2.0), styled=True)
    found = fit(rows)
    assert found.ratings == pytest.approx([0, 0], abs=0.05)
    assert found.effects[0] > 0.5
    assert abs(found.effects[1:]).max() < 0.05


def test_a_feature_that_always_wins_stays_finite() -> None:
    votes = [_longer_wins(ballot) for ballot in election({"a": 0.0, "b": 0.0}, 300)]
    found = fit(matches(votes, styled=True))
    assert np.isfinite(found.parameters).all()


def test_only_who_won_and_lost_is_rateable() -> None:
    votes = results(
        ("a", "b", "left", 3), ("b", "a", "left", 2), ("c", "a", "left", 4), ("d", "e", "tie", 1)
    )
    assert rateable(matches(votes)) == ["a", "b"]


def test_without_votes_nobody_is_rateable() -> None:
    assert rateable(matches([])) == []


def _swapped(ballot: Ballot) -> Ballot:
    assert ballot.styles is not None
    return cast(ballot.right, ballot.left, SWAPPED[ballot.winner], styles=ballot.styles[::-1])


def _longer_wins(ballot: Ballot) -> Ballot:
    assert ballot.styles is not None
    winner: Winner = "left" if ballot.styles[0].length > ballot.styles[1].length else "right"
    return cast(ballot.left, ballot.right, winner, styles=ballot.styles)
