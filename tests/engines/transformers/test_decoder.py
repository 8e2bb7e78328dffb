"""Pure: the tokenizer is a table of bytes."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from fastchat.engines.transformers.decoder import Detokenizer


def _bytes(ids: Sequence[int]) -> str:
    """One token a byte, 256 for a token that is not shown."""
    return bytes(id for id in ids if id < 256).decode(errors="replace")


def _sentencepiece(ids: Sequence[int]) -> str:
    """A blank before each word, but not at the beginning: as these tokenizers decode."""
    return "".join(f" {chr(id)}" for id in ids).removeprefix(" ")


def _streamed(detokenizer: Detokenizer, ids: Sequence[int]) -> list[str]:
    return [*(detokenizer.push(id) for id in ids), detokenizer.rest()]


@given(text=st.text(), prompt=st.text())
def test_the_pieces_are_the_text(text: str, prompt: str) -> None:
    ids = list(text.encode(errors="ignore"))
    pieces = _streamed(Detokenizer(_bytes, list(prompt.encode(errors="ignore"))), ids)
    assert "".join(pieces) == _bytes(ids)


@given(ids=st.lists(st.integers(0, 256)))
def test_whatever_the_bytes_are_every_piece_is_final(ids: list[int]) -> None:
    pieces = _streamed(Detokenizer(_bytes), ids)
    shown = "".join(pieces)
    # Broken bytes may count as one character or as several, but no good one is lost.
    assert shown.replace("\ufffd", "") == _bytes(ids).replace("\ufffd", "")


def test_a_character_is_shown_when_it_is_complete() -> None:
    pieces = _streamed(Detokenizer(_bytes), list("a🙂b".encode()))
    assert pieces == ["a", "", "", "", "🙂", "b", ""]


def test_a_character_that_is_never_complete_is_shown_at_the_end() -> None:
    assert _streamed(Detokenizer(_bytes), [0x61, 0xF0, 0x9F]) == ["a", "", "", "\ufffd"]


def test_the_first_blank_belongs_to_the_answer_only_behind_a_text() -> None:
    ids = [ord("y"), ord("z")]
    assert _streamed(Detokenizer(_sentencepiece, [ord("x")]), ids) == [" y", " z", ""]
    assert _streamed(Detokenizer(_sentencepiece), ids) == ["y", " z", ""]
