import re
import time

import pytest

from fastchat.core.errors import NoWorker
from fastchat.webui.assembly import ASSETS
from fastchat.webui.rows import WORD_JOINER, Rendering, inert, turn_of, written
from fastchat.webui.session import Settings, Turn
from fastchat.webui.texts import load

WORDS = load(ASSETS / "texts.toml").of("en")
SETTINGS = Settings(model="m")


def texts_of(*turns: Turn, is_busy: bool = False) -> list[tuple[object, str]]:
    shown = []
    for row in Rendering(WORDS).rows(turns, is_busy=is_busy):
        content = row["content"]
        assert isinstance(content, list)
        shown.append((row["role"], content[0]["text"]))
    return shown


def test_a_turn_is_two_rows() -> None:
    turn = Turn(question="hi", answer="hello", finish="stop", settings=SETTINGS)
    assert texts_of(turn) == [("user", "hi"), ("assistant", "hello")]


def test_a_turn_without_an_answer_yet_is_one_row() -> None:
    assert texts_of(Turn(question="hi", settings=SETTINGS), is_busy=True) == [("user", "hi")]


@pytest.mark.parametrize("answer", ["", "hel"])
def test_an_answer_that_was_cut_says_so(answer: str) -> None:
    turn = Turn(question="hi", answer=answer, settings=SETTINGS)
    assert texts_of(turn)[1][1] == f"{answer}\n\n> ⏹️ {WORDS.stopped}".lstrip()
    assert texts_of(turn, turn, is_busy=True)[1][1].endswith(WORDS.stopped)


def test_only_the_answer_that_grows_is_rendered_again() -> None:
    rendering = Rendering(WORDS)
    over = Turn(question="q", answer="a", finish="stop", settings=SETTINGS)
    growing = Turn(question="hi", settings=SETTINGS)
    before = rendering.rows([over, growing], is_busy=True)
    growing.answer = "hel"
    after = rendering.rows([over, growing], is_busy=True)
    assert (after[0], after[1]) == (before[0], before[1])
    assert [one is other for one, other in zip(after, before, strict=False)] == [True, True, False]
    assert len(after) == 4


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
        "```html\n<b>x</b>\n```\n<iframe src=x></iframe>",
        "\\`<div>\\`",
        "`\n\n<div>\n\n`",
        "``` a`b\n<div>",
        "> ```\n\n<div>",
        "[a]:\n```\n<div>",
        "$$\n```\n$$\n<div>",
        "- ~~~\n<div>",
    ],
)
def test_no_tag_begins_anywhere(text: str) -> None:
    shown = inert(text)
    assert written(shown) == text
    assert re.search("<[A-Za-z/!?]", shown) is None


@pytest.mark.parametrize("fence", ["```mermaid\n", "> ```mermaid \n", "- ```MERMAID\n"])
def test_a_diagram_is_code(fence: str) -> None:
    shown = inert(fence)
    assert written(shown) == fence
    assert "```mermaid" not in shown.lower()


@pytest.mark.parametrize("text", ["1 < 2 and 3 <4", "```python\nx = 1\n```", "$$x$$", "\\[" * 6000])
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert inert(text) == text


@pytest.mark.parametrize("part", ["\\[", "\\(", "`", "$$", "<a", "```mermaid", "~~~\n", "\\(`"])
def test_the_work_grows_with_the_text_and_not_with_its_square(part: str) -> None:
    def took_s(times: int) -> float:
        began = time.process_time()
        inert(part * times)
        return time.process_time() - began

    short = max(min(took_s(4_000) for _ in range(3)), 0.001)
    assert took_s(40_000) < 40 * short


def test_what_is_copied_back_is_what_was_written() -> None:
    assert written(f"a <{WORD_JOINER}b>") == "a <b>"
