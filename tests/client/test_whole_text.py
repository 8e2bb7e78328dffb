from typing import Any

import pytest

from fastchat.client.whole_text import WholeText
from fastchat.core.errors import (
    ContextOverflow,
    EngineFailed,
    InvalidRequest,
    OutOfMemory,
    Overloaded,
    PlatformError,
)
from fastchat.core.generation import Chunk
from fastchat.protocol.codec import decode, encode
from fastchat.protocol.wire import SERVER_ERROR, StreamMessage
from tests.legacy import said, telling


def read(messages: list[dict[str, Any]], most: int = 100) -> list[Chunk]:
    whole = WholeText(most)
    return [whole.read(decode(encode(message), StreamMessage)) for message in messages]


def test_a_chunk_is_what_is_new() -> None:
    chunks = read(telling("one", " two"))
    assert [(c.text, c.finish_reason) for c in chunks] == [
        ("one", None),
        (" two", None),
        ("", "stop"),
    ]
    assert chunks[-1].usage.total_tokens == 9


def test_half_a_character_is_held_back_until_it_is_whole() -> None:
    chunks = read(
        [said("a\ufffd", 1), said("a\ufffd\ufffd", 2), said("a🙂", 3), said("a🙂", 3, "stop")]
    )
    assert "".join(chunk.text for chunk in chunks) == "a🙂"


def test_a_replacement_character_that_the_model_wrote_stays() -> None:
    chunks = read([said("\ufffd x", 2), said("\ufffd x\ufffd", 3, "stop")])
    assert "".join(chunk.text for chunk in chunks) == "\ufffd x\ufffd"


def test_a_text_that_shrinks_takes_nothing_back_and_repeats_nothing() -> None:
    chunks = read([said("one two ", 2), said("one two", 2), said("one two x", 3, "stop")])
    assert "".join(chunk.text for chunk in chunks) == "one two x"


def test_blanks_that_a_tokenizer_cleans_up_are_no_other_text() -> None:
    chunks = read([said("it '", 2), said("it's", 3), said("it's so", 4, "stop")])
    assert "".join(chunk.text for chunk in chunks) == "it 's so"


@pytest.mark.parametrize("second", ["one", "one six", "six", ""])
def test_a_text_that_is_taken_back_is_a_failure(second: str) -> None:
    with pytest.raises(EngineFailed, match="changed"):
        read([said("one two", 2), said(second, 3, "stop")])


@pytest.mark.parametrize(
    "messages",
    [
        [said("a", 1)] * 67,
        [said("a", 67)],
        [said("a" * 70_000, 1)],
    ],
    ids=["messages", "tokens", "characters"],
)
def test_a_worker_that_does_not_end_is_left(messages: list[dict[str, Any]]) -> None:
    with pytest.raises(EngineFailed, match="did not end its answer after 2 tokens"):
        read(messages, most=2)


def test_the_token_that_0_2_36_does_not_count_at_the_limit_is_counted() -> None:
    last = read([said("a b", 4, "length")], most=5)[-1]
    assert last.usage.completion_tokens == 5


def test_a_stream_without_a_reason_ends_all_the_same() -> None:
    for most, reason in ((100, "stop"), (2, "length")):
        whole = WholeText(most)
        for message in telling("a", "b\ufffd", reason=None):
            whole.read(decode(encode(message), StreamMessage))
        assert (whole.end().text, whole.end().finish_reason) == ("\ufffd", reason)


def test_an_empty_stream_is_no_answer() -> None:
    with pytest.raises(EngineFailed, match="before it said anything"):
        WholeText(5).end()


def test_log_probabilities_come_once_each() -> None:
    def with_logprobs(text: str, tokens: list[str], reason: str | None) -> dict[str, Any]:
        logprobs = {
            "text_offset": [0] * len(tokens),
            "tokens": tokens,
            "token_logprobs": [-0.5] * len(tokens),
            "top_logprobs": [{}] * len(tokens),
        }
        return said(text, len(tokens), reason) | {"logprobs": logprobs}

    messages = [with_logprobs("a", ["a"], None), with_logprobs("ab", ["a", "b"], "stop")]
    chunks = read(messages)
    assert [[token.token for token in chunk.logprobs] for chunk in chunks] == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (40001, InvalidRequest),
        (40303, ContextOverflow),
        (42903, Overloaded),
        (50001, EngineFailed),
        (50002, OutOfMemory),
        (50099, EngineFailed),
        (40099, InvalidRequest),
    ],
)
def test_an_error_message_is_an_error_of_its_code(code: int, kind: type[PlatformError]) -> None:
    with pytest.raises(kind) as caught:
        read([{"text": f"{SERVER_ERROR}\n\n(CUDA out of memory)", "error_code": code}])
    assert type(caught.value) is kind
    assert caught.value.message == "CUDA out of memory"


def test_an_answer_that_was_aborted_is_no_answer() -> None:
    with pytest.raises(EngineFailed, match="abort"):
        read([said("a", 1, "abort")])
