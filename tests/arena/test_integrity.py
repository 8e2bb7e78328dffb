"""Which votes count, and how much."""

import random

import pytest

from fastchat.arena.agreement import agreements
from fastchat.arena.integrity import Rules, counted
from tests.arena.votes import DAY_S, cast, election

RULES = Rules(per_voter_a_day=3, per_address_a_day=5, per_question=4)


def test_a_voter_has_so_many_votes_a_day() -> None:
    votes = [cast("a", "b", "left", n, voter="v", cast_s=10.0 * n) for n in range(5)]
    tomorrow = [cast("a", "b", "left", 9, voter="v", cast_s=DAY_S + 1)]
    found = counted([*votes, *tomorrow], RULES)
    assert [ballot.battle for ballot in found.ballots] == ["b0", "b1", "b2", "b9"]
    assert found.left_out == {"voter_cap": 2}


def test_an_address_has_so_many_votes_a_day() -> None:
    found = counted([cast("a", "b", "left", n, address="x") for n in range(8)], RULES)
    assert (len(found.ballots), found.left_out) == (5, {"address_cap": 3})


def test_a_vote_that_does_not_count_takes_nobodys_share() -> None:
    fast = [cast("a", "b", "left", n, voter="v", dwell_s=0.1) for n in range(5)]
    found = counted([*fast, cast("a", "b", "left", 9, voter="v")], RULES)
    assert len(found.ballots) == 1
    assert found.left_out == {"too_fast": 5}


def test_a_leak_and_names_in_sight_do_not_count() -> None:
    votes = [
        cast("a", "b", "left", 1, leaked=True),
        cast("a", "b", "left", 2, kind="side_by_side"),
        cast("a", "b", "left", 3, kind="api"),
    ]
    found = counted(votes, RULES)
    assert [ballot.battle for ballot in found.ballots] == ["b3"]
    assert found.left_out == {"leak": 1, "not_blind": 1}


def test_of_two_votes_on_one_battle_the_first_holds() -> None:
    votes = [cast("a", "b", "right", 2, battle="x"), cast("a", "b", "left", 1, battle="x")]
    found = counted(votes, RULES)
    assert [ballot.winner for ballot in found.ballots] == ["left"]


def test_the_same_question_of_the_same_voter_on_the_same_pair_counts_once() -> None:
    votes = [
        cast("a", "b", "left", 1, voter="v", question="q"),
        cast("b", "a", "left", 2, voter="v", question="q"),
        cast("a", "c", "left", 3, voter="v", question="q"),
        cast("a", "b", "left", 4, voter="w", question="q"),
    ]
    found = counted(votes, RULES)
    assert [ballot.battle for ballot in found.ballots] == ["b1", "b3", "b4"]
    assert found.left_out == {"duplicate": 1}


def test_a_question_that_everybody_asks_does_not_outweigh_the_rest() -> None:
    votes = [cast("a", "b", "left", n, question="hello") for n in range(8)]
    found = counted([*votes, cast("a", "b", "left", 9)], RULES)
    assert list(found.weights) == [0.5] * 8 + [1.0]


def test_who_contradicts_everybody_weighs_little() -> None:
    honest = election({"a": 1.5, "b": 0.0, "c": -1.5}, 2000)
    spiteful = [cast("c", "a", "left", 5000 + n, voter="spite") for n in range(20)]
    ballots = [*honest, *spiteful]
    assert agreements(ballots, [1.0] * len(ballots))["spite"].weight == pytest.approx(0.1)


def test_an_honest_voter_counts_fully() -> None:
    rng = random.Random(1)
    ballots = [
        cast(one.left, one.right, one.winner, n, voter=f"v{rng.randrange(40)}")
        for n, one in enumerate(election({"a": 1.0, "b": 0.0, "c": -1.0}, 2000))
    ]
    weights = [one.weight for one in agreements(ballots, [1.0] * len(ballots)).values()]
    assert sum(weight == 1.0 for weight in weights) >= 37


def test_few_votes_say_nothing_about_a_voter() -> None:
    honest = election({"a": 1.5, "b": 0.0, "c": -1.5}, 500)
    ballots = [*honest, *(cast("c", "a", "left", 5000 + n, voter="new") for n in range(5))]
    assert agreements(ballots, [1.0] * len(ballots))["new"].weight == 1.0
