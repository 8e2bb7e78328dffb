import json
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastchat.model.writing import Reader
from tests.model.writing.answers import (
    BOTH,
    WRITTEN,
    Written,
    calls_in,
    hermes,
    reader_of,
    said_by,
)

# What no reader of an answer may ever see.
RAW = re.compile(
    r"<tool|tool_call|<func|<param|\[TOOL|\[ARGS|tool▁|python_tag|\"arguments\"|think>"
)


def cut_at(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize("written", WRITTEN, ids=lambda one: f"{one.format}: {one.answer[:30]!r}")
def test_an_answer_is_read_letter_by_letter(written: Written) -> None:
    said = said_by(reader_of(written), list(written.answer))
    assert (said.text, said.reasoning) == (written.text, written.reasoning)
    assert calls_in(said) == written.calls
    assert [call.id for call in said.tool_calls] == [
        f"id{n + 1}" for n in range(len(written.calls))
    ]


@pytest.mark.parametrize("written", WRITTEN, ids=lambda one: f"{one.format}: {one.answer[:30]!r}")
def test_an_answer_in_two_pieces_says_the_same_wherever_it_is_cut(written: Written) -> None:
    for place in range(1, len(written.answer)):
        said = said_by(reader_of(written), cut_at(written.answer, [place]))
        assert (said.text, said.reasoning) == (written.text, written.reasoning)
        assert calls_in(said) == written.calls


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(WRITTEN), st.lists(st.integers(min_value=0), max_size=12))
def test_wherever_an_answer_is_cut_it_says_the_same(written: Written, places: list[int]) -> None:
    said = said_by(reader_of(written), cut_at(written.answer, places))
    assert (said.text, said.reasoning) == (written.text, written.reasoning)
    assert calls_in(said) == written.calls


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([one for one in WRITTEN if one.calls]),
    st.integers(min_value=0),
    st.lists(st.integers(min_value=0), max_size=6),
)
def test_an_answer_that_ends_early_shows_nothing_raw(
    written: Written, end: int, places: list[int]
) -> None:
    begun = written.answer[: end % len(written.answer)]
    said = said_by(reader_of(written), cut_at(begun, places), cut=True)
    assert not RAW.search(said.text)
    assert written.text.startswith(said.text.rstrip())
    assert written.reasoning.startswith(said.reasoning.rstrip())
    for (_, arguments), (_, whole) in zip(calls_in(said), written.calls, strict=False):
        assert whole.startswith(arguments)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(WRITTEN), st.text(alphabet='<>/tolca_"{}[]:,x \n`', max_size=40))
def test_nonsense_never_breaks_the_reader(written: Written, nonsense: str) -> None:
    said = said_by(reader_of(written), [*nonsense, written.answer, *nonsense])
    assert len(said.text) <= len(written.answer) + 2 * len(nonsense)


def test_arguments_are_streamed_as_they_come() -> None:
    reader = reader_of(WRITTEN[1])
    reader.push('<tool_call>{"name": "weather", "arguments": {"ci')
    assert reader.push("ty").tool_calls[0].arguments == "ty"


def test_one_call_is_enough_where_no_more_are_wanted() -> None:
    two = Written(format="hermes", answer=hermes(*BOTH[0]) + hermes(*BOTH[1]))
    reader = reader_of(two, parallel=False)
    assert calls_in(said_by(reader, [two.answer])) == BOTH[:1]
    assert reader.mode == "end"


def test_reasoning_may_have_begun_in_the_prompt() -> None:
    written = Written(format="hermes", answer="", thinks=True)
    said = said_by(reader_of(written, thinking=True), ["\nHm", ".\n</th", "ink>\nYes"])
    assert (said.reasoning, said.text) == ("Hm.", "Yes")


def test_without_tools_marks_are_text() -> None:
    reader = Reader(
        format=reader_of(WRITTEN[1]).format, tools={}, thinks=False, parallel=True, new_id=str
    )
    assert said_by(reader, [hermes("weather", "{}")]).text == hermes("weather", "{}")


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3),
        ),
        max_size=4,
    ),
    st.lists(st.integers(min_value=0), max_size=8),
)
def test_any_arguments_arrive_as_they_were_written(
    arguments: dict[str, object], places: list[int]
) -> None:
    raw = json.dumps(arguments, ensure_ascii=False)
    written = Written(format="hermes", answer=hermes("time", raw))
    said = said_by(reader_of(written), cut_at(written.answer, places))
    assert calls_in(said) == (("time", raw),)
