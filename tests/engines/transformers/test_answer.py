"""Pure: tokens are bytes."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fastchat.core.generation import Chunk
from fastchat.engines.transformers.answer import Answer, Token
from fastchat.engines.transformers.decoder import Detokenizer
from tests.engines.requests import ask

END = 256
TEXT = st.text(alphabet="abé🙂 \n")


def _decode(ids: Sequence[int]) -> str:
    return bytes(id for id in ids if id < 256).decode(errors="replace")


def _chunks(
    text: str, most: int = 1000, logprob: float | None = None, **changes: Any
) -> list[Chunk]:
    answer = Answer(
        ask(**changes),
        Detokenizer(_decode),
        ends={END, *changes.get("stop_token_ids", ())},
        prompt_tokens=7,
        most_tokens=most,
        raw=lambda id: bytes([id]) if id < 256 else b"",
    )
    chunks = []
    for id in [*text.encode(), END]:
        chunk = answer.read(Token(id, logprob))
        if chunk is not None:
            chunks.append(chunk)
            if chunk.finish_reason is not None:
                return chunks
    raise AssertionError("there was no end")


@given(text=TEXT, stops=st.lists(TEXT.filter(bool), max_size=3))
def test_streamed_text_is_the_plain_text_up_to_the_first_stop_string(
    text: str, stops: list[str]
) -> None:
    chunks = _chunks(text, stop=tuple(stops))
    shown = "".join(chunk.text for chunk in chunks)
    found = [text.find(stop) for stop in stops if stop in text]
    # The first to be complete ends the answer; one that began earlier may have been longer.
    assert text.startswith(shown)
    assert (shown == text) == (not found)
    assert not any(stop in shown for stop in stops)
    assert chunks[-1].finish_reason == "stop"


@given(text=TEXT, most=st.integers(1, 30))
def test_no_more_is_said_than_was_wanted(text: str, most: int) -> None:
    chunks = _chunks(text, most)
    spoken = len(text.encode()) + 1
    assert chunks[-1].usage.completion_tokens == min(spoken, most)
    assert chunks[-1].finish_reason == ("stop" if spoken <= most else "length")
    assert "".join(chunk.text for chunk in chunks) == _decode(text.encode()[:most])


def test_what_was_held_back_comes_with_the_end() -> None:
    chunks = _chunks("abx", stop=("xyz",))
    assert [chunk.text for chunk in chunks] == ["a", "b", "x"]
    assert chunks[-1].finish_reason == "stop"


def test_a_stop_token_is_not_shown() -> None:
    (first, last) = _chunks("a!b", stop_token_ids=(ord("!"),))
    assert (first.text, last.text, last.finish_reason) == ("a", "", "stop")


def test_log_probabilities_come_with_their_text() -> None:
    chunks = _chunks("axyé", logprob=-0.5, stop=("xyz",))
    assert [chunk.text for chunk in chunks] == ["a", "xyé", ""]
    raws = [[token.raw for token in chunk.logprobs] for chunk in chunks]
    assert raws[0] == [b"a"]
    assert b"".join(raws[1] + raws[2]) == "xyé".encode()


def test_usage_counts_the_token_that_ended_it() -> None:
    usage = _chunks("ab")[-1].usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (7, 3)
