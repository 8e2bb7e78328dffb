import pytest

from benchmarks.spread import Spread, judge, spread


def test_few_rounds_spread_over_their_whole_range() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(low=1, median=2, high=3, rounds=3)


def test_with_eight_rounds_one_odd_round_on_each_side_does_not_count() -> None:
    values = [100.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 0.0]
    assert spread(values) == Spread(low=2, median=4.5, high=7, rounds=8)


def test_one_round_is_its_own_spread_and_resolves_nothing() -> None:
    seen = spread([1.0])
    assert (seen.low, seen.high) == (1, 1)
    assert judge(seen, 2.0, at_most=True) == "not resolved"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(1.0, 1.9, "met"), (1.0, 2.0, "met"), (1.9, 2.1, "not resolved"), (2.1, 3.0, "missed")],
)
def test_a_bound_from_above_is_judged_by_the_whole_spread(
    low: float, high: float, verdict: str
) -> None:
    assert judge(Spread(low, low, high, rounds=5), 2.0, at_most=True) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(2.1, 3.0, "met"), (2.0, 3.0, "met"), (1.9, 2.1, "not resolved"), (1.0, 1.9, "missed")],
)
def test_a_bound_from_below_is_judged_by_the_whole_spread(
    low: float, high: float, verdict: str
) -> None:
    assert judge(Spread(low, low, high, rounds=5), 2.0, at_most=False) == verdict
