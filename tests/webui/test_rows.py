import pytest

from fastchat.core.errors import NoWorker
from fastchat.webui.build import ASSETS
from fastchat.webui.rows import WORD_JOINER, inert, rows, turn_of, written
from fastchat.webui.session import Settings, Turn
from fastchat.webui.texts import load

WORDS = load(ASSETS / "texts.toml").of("en")
SETTINGS = Settings(model="m")


def texts_of(*turns: Turn) -> list[tuple[object, str]]:
    shown = []
    for row in rows(turns, WORDS):
        content = row["content"]
        assert isinstance(content, list)
        shown.append((row["role"], content[0]["text"]))
    return shown


def test_a_turn_is_two_rows() -> None:
    turn = Turn(question="hi", answer="hello", settings=SETTINGS)
    assert texts_of(turn) == [("user", "hi"), ("assistant", "hello")]


def test_a_turn_without_an_answer_yet_is_one_row() -> None:
    assert texts_of(Turn(question="hi", settings=SETTINGS)) == [("user", "hi")]


def test_a_fault_is_a_sentence_after_the_text() -> None:
    turn = Turn(question="hi", answer="hel", fault=NoWorker("m"), settings=SETTINGS)
    said = texts_of(turn)[1][1]
    assert said.startswith("hel\n\n> ⚠️ No worker for m")
    assert said.endswith("(error_code: 50005)")


@pytest.mark.parametrize(
    ("row", "turn"),
    [(0, 0), (1, 0), (2, 1), (3, 1), ([4, 0], 2), ([], -1), (-1, -1), ("x", -1), (None, -1)],
)
def test_rows_lead_back_to_turns(row: object, turn: int) -> None:
    assert turn_of(row) == turn


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <b>bold</b> claim <!-- hidden --> <?php ?>",
        "`closed` <img src=x onerror=alert(1)> `open",
        "``` <svg onload=alert(1)>",
        "```\nin code\n```\n<iframe src=x></iframe>",
    ],
)
def test_no_tag_begins_outside_code(text: str) -> None:
    shown = inert(text)
    assert written(shown) == text
    for tag in ("<script", "</", "<b", "<!", "<?", "<img", "<svg", "<iframe"):
        assert tag not in shown


@pytest.mark.parametrize(
    "text",
    [
        "```html\n<b>x</b>\n```",
        "~~~\n<b>x</b>\n~~~",
        "> ```\n> <b>\n> ```",
        "1. ```c\n   #include <stdio.h>\n   ```",
        "```python\nfor a<b in an_unfinished",
        "write `<br>` here and ``a`<b``",
        "$$a<b$$ and \\(a<b\\) and \\[a<b\\]",
        "1 < 2 and 3 <4",
    ],
)
def test_code_and_formulas_stay_as_they_are(text: str) -> None:
    assert inert(text) == text


def test_what_is_copied_back_is_what_was_written() -> None:
    assert written(f"a <{WORD_JOINER}b>") == "a <b>"
