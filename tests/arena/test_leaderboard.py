"""A question to the votes, and the answer."""

import json
import random

import pytest

from fastchat.arena.battle import Ballot
from fastchat.arena.export import leaderboard_csv, leaderboard_json, votes_jsonl
from fastchat.arena.leaderboard import Leaderboard, Query, Row, leaderboard
from fastchat.core.errors import InvalidRequest
from tests.arena.votes import cast, election, results

STRENGTHS = {"alpha": 1.0, "beta": 0.0, "gamma": -0.5}


def board(ballots: list[Ballot], **query: object) -> Leaderboard:
    return leaderboard(ballots, Query(**query), random.Random(0))  # type: ignore[arg-type]


def row(found: Leaderboard, model: str) -> Row:
    return next(row for row in found.rows if row.model == model)


def test_the_best_comes_first_with_a_range_of_ranks() -> None:
    found = board(election(STRENGTHS, 2000))
    assert [row.model for row in found.rows] == ["alpha", "beta", "gamma"]
    first = found.rows[0]
    assert first.ranks == (1, 1)
    assert first.lower is not None
    assert first.upper is not None
    assert first.rating is not None
    assert first.lower < first.rating < first.upper
    assert sum(row.rating or 0 for row in found.rows) == pytest.approx(3000)


def test_too_few_votes_take_no_rank() -> None:
    few = [cast("new", "beta", "left", 501), cast("beta", "new", "left", 502)]
    ballots = [*election(STRENGTHS, 500), *few]
    new = row(board(ballots), "new")
    assert (new.standing, new.ranks, new.votes) == ("few_votes", None, 2)
    assert new.rating is not None


def test_who_never_lost_has_no_rating() -> None:
    ballots = [
        *election(STRENGTHS, 500),
        *(cast("new", "beta", "left", n) for n in range(600, 700)),
    ]
    new = row(board(ballots), "new")
    assert (new.standing, new.rating, new.votes) == ("unconnected", None, 100)


def test_without_votes_there_is_an_empty_board() -> None:
    found = board([])
    assert (list(found.rows), found.fragility, found.left_share) == ([], None, None)


@pytest.mark.parametrize("intervals", ["sandwich", "bootstrap"])
@pytest.mark.parametrize("style_control", [False, True])
def test_one_vote_is_a_board(intervals: str, style_control: bool) -> None:
    found = board([cast("a", "b", "left")], intervals=intervals, style_control=style_control)
    assert {row.standing for row in found.rows} == {"unconnected"}


def test_a_category_is_about_its_votes_only() -> None:
    code = [cast("a", "b", "left", n, categories=frozenset({"code"})) for n in range(3)]
    found = board([*code, *(cast("a", "b", "right", n) for n in range(10, 15))], category="code")
    assert found.votes == 3
    assert row(found, "a").points == 3


def test_an_unknown_category_is_named() -> None:
    with pytest.raises(InvalidRequest, match="choose from english"):
        Query(category="cooking")


def test_a_window_of_time_has_a_beginning_and_an_end() -> None:
    ballots = [cast("a", "b", "left", n) for n in range(10)]
    assert board(ballots, since_s=1003.0, until_s=1006.0).votes == 3


def test_ties_can_be_left_out() -> None:
    ballots = results(("a", "b", "left", 5), ("a", "b", "tie", 4), ("a", "b", "both_bad", 3))
    assert (board(ballots).votes, board(ballots, ties="without").votes) == (12, 5)


def test_the_matrix_counts_both_sides() -> None:
    found = board(results(("a", "b", "left", 5), ("b", "a", "left", 3), ("a", "b", "tie", 2)))
    assert found.matrix.models == ("a", "b")
    assert found.matrix.battles.tolist() == [[0, 10], [10, 0]]
    assert found.matrix.points.tolist() == [[0, 6], [4, 0]]


def test_the_side_had_no_say() -> None:
    found = board(election(STRENGTHS, 4000))
    assert found.left_share == pytest.approx(0.5, abs=0.03)


def test_style_control_tells_what_length_was_worth() -> None:
    ballots = election(STRENGTHS, 3000, per_word=2.0)
    found = board(ballots, style_control=True)
    assert found.effects["length"].lower > 50
    assert found.effects["length"].is_resolved
    assert board(ballots).effects == {}


def test_few_votes_tell_nothing_of_style() -> None:
    found = board(election(STRENGTHS, 90, per_word=9.0), style_control=True)
    assert found.effects
    assert not any(effect.is_resolved for effect in found.effects.values())


def test_the_answer_does_not_depend_on_the_order_of_the_votes() -> None:
    ballots = election(STRENGTHS, 300)
    shuffled = random.Random(3).sample(ballots, len(ballots))
    assert list(board(ballots).rows) == list(board(shuffled).rows)


def test_csv_has_a_line_for_each_and_no_formula() -> None:
    ballots = results(("=evil()", "b", "left", 20), ("b", "=evil()", "left", 25))
    lines = leaderboard_csv(board(ballots)).splitlines()
    assert lines[0].startswith("rank_best,rank_worst,model,rating")
    assert lines[1].startswith("1,2,b,")
    assert lines[2].startswith("1,2,'=evil(),")


def test_json_says_all_of_it() -> None:
    found = json.loads(leaderboard_json(board(election(STRENGTHS, 300))))
    assert found["votes"] == 300
    assert found["first_place_flips"]["without_votes"] > 0
    assert found["models"][0]["model"] == "alpha"


def test_exported_votes_name_nobody() -> None:
    ballots = [cast("a", "b", "both_bad", n, voter="somebody", address="10.1.2.3") for n in (1, 2)]
    lines = [json.loads(line) for line in votes_jsonl(ballots)]
    assert [line["winner"] for line in lines] == ["tie (bothbad)"] * 2
    assert [line["judge"] for line in lines] == ["arena_user_1"] * 2
    assert "somebody" not in str(lines)
    assert "10.1.2.3" not in str(lines)
