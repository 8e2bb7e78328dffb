"""What a judge said is read strictly."""

import pytest

from fastchat.arena.judging.verdicts import Verdict, agreement, grade, kappa, settled, verdict


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("A is longer.\n[[A]]", "left"),
        ("Both fail.\n\n**[[C]]**\n", "tie"),
        ("[[B]].", "right"),
        ("[[A]] or [[B]]", None),
        ("A says [[A]] at its end.\nI cannot say.", None),
        ("The verdict is [[A]]", None),
        ("[[A]]\n[[D]]", None),
        ("A", None),
        ("", None),
    ],
)
def test_only_a_last_line_that_is_a_verdict_counts(said: str, expected: Verdict | None) -> None:
    assert verdict(said, swapped=False) == expected


def test_a_swapped_verdict_is_told_in_the_order_of_the_battle() -> None:
    assert verdict("[[A]]", swapped=True) == "right"
    assert verdict("[[B]]", swapped=True) == "left"
    assert verdict("[[C]]", swapped=True) == "tie"


@pytest.mark.parametrize(
    ("said", "expected"),
    [("Good.\n[[7]]", 7), ("[[7.5]]", 7.5), ("[[10]]", 10), ("[[0]]", None), ("[[11]]", None),
     ("[[7]] of [[10]]", None), ("7/10", None)],
)  # fmt: skip
def test_a_grade_is_a_number_from_1_to_10(said: str, expected: float | None) -> None:
    assert grade(said) == expected


def test_who_wins_in_one_place_only_has_not_won() -> None:
    assert settled("left", "left") == "left"
    assert settled("left", "right") == "tie"
    assert settled("left", "tie") == "tie"
    assert settled("left", None) is None


def test_kappa_is_agreement_beyond_chance() -> None:
    # Worked by hand: 3 of 4 agree; by chance (2*2 + 1*2 + 1*0) / 16 would.
    pairs = [("left", "left"), ("left", "left"), ("right", "right"), ("tie", "right")]
    assert agreement(pairs) == 0.75  # type: ignore[arg-type]  # literals
    assert kappa(pairs) == pytest.approx((0.75 - 6 / 16) / (1 - 6 / 16))  # type: ignore[arg-type]


def test_one_verdict_only_has_no_kappa() -> None:
    assert kappa([("left", "left")]) is None
    assert kappa([]) is None


def test_both_bad_is_a_tie_to_a_judge() -> None:
    assert agreement([("tie", "both_bad"), ("tie", "tie")]) == 1
