"""What a vote is worth follows from the battle and the vote alone."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from fastchat.arena.battle import Battle, Side, Vote, ballot, digest
from fastchat.arena.categories import CATEGORIES, Talk, categories_of
from fastchat.arena.sampling import Draw, votes_of
from fastchat.arena.style import Style, style_of
from fastchat.core.errors import InvalidRequest

MARKDOWN = """# One
Some **bold** words.

- an item
- another
1. a third

```python
# no heading
- no item
```
"""


def battle(*answers: str, kind: str = "battle") -> Battle:
    return Battle(
        id="b1",
        kind=kind,  # type: ignore[arg-type]  # a test says which
        began_s=1.0,
        finished_s=2.0,
        questions=("Write a poem about the sea", "Again, please"),
        left=Side(model="left-model", answers=answers),
        right=Side(model="right-model", answers=("Other words.",)),
    )


def asking(*questions: str, pictures: tuple[str, ...] = ()) -> Battle:
    return replace(battle("one"), questions=questions, pictures=pictures)


VOTE = Vote(battle="b1", winner="left", voter="v", address="a", cast_s=9.0, dwell_s=7.0)


def test_a_ballot_has_no_text_in_it() -> None:
    found = ballot(battle("The sea is **wide**."), VOTE)
    assert (found.left, found.right, found.winner) == ("left-model", "right-model", "left")
    assert found.categories == {"english", "creative", "multi_turn"}
    assert found.styles == (Style(length=4, bold=1), Style(length=2))
    assert not found.leaked
    assert "sea" not in repr(found)


def test_a_name_in_an_answer_voids_a_blind_vote_only() -> None:
    said = "This is right-model speaking."
    assert ballot(battle(said), VOTE).leaked
    assert not ballot(battle(said, kind="side_by_side"), VOTE).leaked


def test_case_and_blanks_make_no_new_question() -> None:
    assert digest(asking("Who  are you?")) == digest(asking("who are\nyou? "))
    assert digest(asking("a", "b")) != digest(asking("a b"))


def test_another_picture_makes_another_question() -> None:
    first, second = (asking("What is this?", pictures=(mark,)) for mark in ("m1", "m2"))
    assert len({digest(one) for one in (first, second, asking("What is this?"))}) == 3
    assert ballot(first, VOTE).categories == {"english", "vision"}


def test_markdown_in_code_is_no_style() -> None:
    assert style_of([MARKDOWN]) == Style(length=15, headings=1, lists=3, bold=1)


def test_chinese_has_words_as_well() -> None:
    assert style_of(["你好 world"]).length == 3


@pytest.mark.parametrize(
    ("question", "category"),
    [
        ("What is the capital of France?", "english"),
        ("你好 请写一首关于秋天的诗", "chinese"),
        ("Why does `def f(): pass` compile in python?", "code"),
        ("Solve for x: 3 * x = 12", "math"),
        ("Tell me a story", "creative"),
        ("word " * 250, "long_prompt"),
    ],
)
def test_a_question_finds_its_category(question: str, category: str) -> None:
    assert category in categories_of(Talk(questions=(question,)))


def test_other_languages_are_neither_english_nor_chinese() -> None:
    for question in ("こんにちは、元気ですか", "Как дела?", "Quelle heure est-il ?"):
        assert not categories_of(Talk(questions=(question,))) & {"english", "chinese"}


def test_every_category_can_be_had() -> None:
    assert categories_of(Talk(questions=("x", "y"), has_image=True)) == {"multi_turn", "vision"}
    assert set(CATEGORIES) >= {"english", "chinese", "code", "math", "multi_turn"}


def test_both_models_of_a_draw_are_different_and_sides_are_even() -> None:
    rng = random.Random(0)
    pairs = [Draw().pair(["a", "b"], {}, rng) for _ in range(1000)]
    counts = Counter(pairs)
    assert set(counts) == {("a", "b"), ("b", "a")}
    assert 430 < counts["a", "b"] < 570


def test_who_has_few_votes_is_drawn_more_often() -> None:
    rng, votes = random.Random(0), {"old": 1000, "older": 1000, "oldest": 1000, "new": 0}
    drawn = votes_of(Draw(boost=5).pair(sorted(votes), votes, rng) for _ in range(2000))
    assert drawn["new"] > 2 * drawn["old"]


def test_a_weight_of_zero_keeps_a_model_out() -> None:
    rng = random.Random(0)
    draw = Draw(weights={"c": 0.0})
    assert "c" not in votes_of(draw.pair(["a", "b", "c"], {}, rng) for _ in range(200))


def test_one_model_cannot_fight() -> None:
    with pytest.raises(InvalidRequest, match="needs two models"):
        Draw().pair(["a", "a"], {}, random.Random(0))
