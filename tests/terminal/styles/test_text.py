import pytest
from hypothesis import given
from hypothesis import strategies as some

from fastchat.terminal.styles.text import Stripped, visible


@given(some.lists(some.text("ab \n\t")))
def test_pieces_are_stripped_as_the_whole_would_be(pieces: list[str]) -> None:
    stripped = Stripped()
    assert "".join(map(stripped.push, pieces)) == "".join(pieces).strip()


def test_nothing_is_held_back_but_blanks() -> None:
    stripped = Stripped()
    assert [stripped.push(piece) for piece in (" a", " ", "b ", " c")] == ["a", "", " b", "  c"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;aGk=\x07", "]52;c;aGk="),
        ("\x1b[2J\x9b2J", "[2J2J"),
        ("a\r\nb\tc\x7f", "a\nb\tc"),
        ("a\u202eb\u202c\u2066c\u2069", "abc"),
        ("café 漢字 🙂", "café 漢字 🙂"),
    ],
)
def test_an_answer_cannot_steer_the_terminal(text: str, shown: str) -> None:
    assert visible(text) == shown
