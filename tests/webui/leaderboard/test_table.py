"""The board as it is shown."""

import random

import pytest

from fastchat.arena.leaderboard import Leaderboard, Query, leaderboard
from fastchat.webui.assembly import ASSETS
from fastchat.webui.leaderboard import charts, table
from fastchat.webui.links import TABS
from fastchat.webui.texts import load
from tests.arena.votes import cast, election, results

TEXTS = load(ASSETS / "texts.toml")
WORDS = TEXTS.of("en")
HOSTILE = "<img src=x onerror=alert(1)>"


def board(**query: object) -> Leaderboard:
    votes = election({"alpha": 1.0, "beta": 0.0, HOSTILE: -1.0}, 600)
    few = [cast("new", "beta", "left", 700), cast("beta", "new", "left", 701)]
    return leaderboard([*votes, *few], Query(**query), random.Random(0))  # type: ignore[arg-type]


def test_ranks_are_ranges_and_want_of_votes_is_said() -> None:
    shown = table.table(board(), WORDS)
    assert shown.index("alpha") < shown.index("beta") < shown.index(">new<")
    assert "not enough votes" in shown
    tied = leaderboard(
        results(("a", "b", "left", 30), ("b", "a", "left", 28)), Query(), random.Random(0)
    )
    assert "1\u20132" in table.table(tied, WORDS)


def test_a_name_is_text_wherever_it_stands() -> None:
    found = board(style_control=True)
    shown = table.table(found, WORDS) + table.summary(found, WORDS)
    drawn = charts.intervals(found, WORDS).to_json() + charts.wins(found, WORDS).to_json()
    assert "<img" not in shown
    assert "<img" not in drawn
    assert "&lt;img" in shown


def test_the_summary_says_what_the_first_place_hangs_on() -> None:
    said = table.summary(board(style_control=True), WORDS)
    assert "602 votes count" in said
    assert "would lead" in said
    assert "length" in said


def test_an_effect_that_chance_may_have_made_has_no_number() -> None:
    few = election({"alpha": 0.3, "beta": 0.0}, 60, per_word=5.0)
    said = table.summary(leaderboard(few, Query(style_control=True), random.Random(0)), WORDS)
    assert "Too few votes to tell it from chance: length" in said
    assert "What style is worth" not in said


@pytest.mark.parametrize("language", sorted(TEXTS.languages))
def test_an_empty_board_is_an_invitation(language: str) -> None:
    words = TEXTS.languages[language]
    empty = leaderboard([], Query(), random.Random(0))
    assert words.board_empty in table.table(empty, words)
    assert charts.intervals(empty, words).data[0].x == ()


def test_tabs_have_the_names_of_the_original() -> None:
    assert {"arena", "compare", "direct", "vision", "leaderboard", "model"} <= set(TABS)
