from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastchat.core.stop_strings import StopStrings

words = st.text(alphabet="ab", min_size=1, max_size=4)


def _shown(stop: StopStrings, pieces: Sequence[str]) -> list[str]:
    shown = []
    for piece in pieces:
        shown.append(stop.push(piece))
        if stop.found:
            return shown
    return [*shown, stop.rest()]


@given(pieces=st.lists(words, max_size=8), stop=words)
def test_the_text_ends_where_the_stop_string_begins_however_it_was_split(
    pieces: list[str], stop: str
) -> None:
    before, found, _ = "".join(pieces).partition(stop)
    stops = StopStrings([stop])
    assert "".join(_shown(stops, pieces)) == before
    assert stops.found == bool(found)


@given(pieces=st.lists(words, max_size=8), stops=st.lists(words, max_size=3))
def test_no_stop_string_is_ever_shown(pieces: list[str], stops: list[str]) -> None:
    text = "".join(_shown(StopStrings(stops), pieces))
    assert not any(stop in text for stop in stops)
    assert "".join(pieces).startswith(text)


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["a", "x"], ["a", "", "x"]),
        (["a", "<", "b"], ["a", "", "<b", ""]),
        (["a<e"], ["a", "<e"]),
        (["a", "<", "end", ">", "z"], ["a", "", "", ""]),
    ],
)
def test_only_what_may_become_a_stop_string_is_held_back(
    pieces: list[str], shown: list[str]
) -> None:
    expected = [text for text in shown if text]
    assert [text for text in _shown(StopStrings(["<end>"]), pieces) if text] == expected


def test_without_stop_strings_nothing_is_held_back() -> None:
    assert _shown(StopStrings([]), ["a", "b"]) == ["a", "b", ""]
