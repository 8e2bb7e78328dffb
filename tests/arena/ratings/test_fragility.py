"""The number of votes that carry the first place, checked by taking them away."""

import pytest

from fastchat.arena.ratings.bradley_terry import fit
from fastchat.arena.ratings.fragility import Fragility, fragility
from fastchat.arena.ratings.matches import matches
from tests.arena.votes import election, results


def test_of_two_it_is_the_lead_in_wins() -> None:
    rows = matches(results(("a", "b", "left", 33), ("a", "b", "right", 20)))
    assert fragility(rows, fit(rows), [True, True]) == Fragility("a", "b", 14)


def test_a_lead_of_one_vote_hangs_on_two() -> None:
    rows = matches(results(("a", "b", "left", 21), ("b", "a", "left", 20)))
    found = fragility(rows, fit(rows), [True, True])
    assert found == Fragility("a", "b", 2)


@pytest.mark.parametrize(("won", "lost"), [(11, 10), (20, 17), (250, 31), (2000, 1)])
def test_as_many_as_it_won_more_do_not_overtake_and_one_more_does(won: int, lost: int) -> None:
    rows = matches(results(("a", "b", "left", won), ("a", "b", "right", lost)))
    assert fragility(rows, fit(rows), [True, True]) == Fragility("a", "b", won - lost + 1)


def test_a_clearer_lead_takes_more_votes() -> None:
    def needed(lead: float) -> int:
        rows = matches(election({"a": lead, "b": 0.0, "c": -0.5}, 2000))
        found = fragility(rows, fit(rows), [True] * 3)
        assert found is not None
        assert found.first == "a"
        return found.votes

    assert needed(0.3) < needed(1.0)


def test_who_has_too_few_votes_is_no_rival() -> None:
    rows = matches(results(("a", "b", "left", 21), ("b", "a", "left", 20)))
    assert fragility(rows, fit(rows), [True, False]) is None
