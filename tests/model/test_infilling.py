import pytest

from fastchat.model.infilling import INFILLINGS, Infilling, infilling_of


@pytest.mark.parametrize("one", INFILLINGS, ids=lambda one: one.before)
def test_it_is_known_by_its_marks(one: Infilling) -> None:
    assert infilling_of(one.marks.__contains__) == one
    assert infilling_of(one.marks[:2].__contains__) is None


def test_the_gap_comes_last() -> None:
    assert Infilling("<a>", "<b>", "<c>").prompt("x", "y") == "<a>x<b>y<c>"
