import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastchat.core.generation import Usage
from fastchat.protocol.counts import Sieve, comment, read, written

COUNTS = Usage(prompt_tokens=7, completion_tokens=15, cached_tokens=2)
EVENTS = [
    b'data: {"text": ": fastchat-counts 1 2 3"}\n\n',
    b": keep-alive\n\n",
    b": fastchat-counts many\n\n",
    b": " + b"x" * 500 + b"\n\n",
    b"data: [DONE]\n\n",
    b":\n\n",
    b"\n\n",
    b"data: a\n: fast\ndata: b\n\n",
]


@given(st.lists(st.sampled_from(EVENTS), max_size=6), st.data())
def test_the_client_gets_the_stream_without_the_counts(
    events: list[bytes], data: st.DataObject
) -> None:
    said = b"".join(events)
    stream = said + comment(COUNTS)
    sieve = Sieve()
    passed = b""
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        passed += sieve.passed(stream[:size])
        stream = stream[size:]
    assert passed + sieve.rest() == said
    assert sieve.counts == COUNTS


def test_a_stream_that_was_broken_off_loses_nothing() -> None:
    sieve = Sieve()
    broken = b"data: a\n\n" + comment(COUNTS)[:-1]
    assert sieve.passed(broken) + sieve.rest() == broken


@pytest.mark.parametrize(
    "text", [b"", b"1 2", b"1 2 x", b"-1 2 3", b"1 2 3 4", b"1.0 2 3", b"1 2 " + b"3" * 9999]
)
def test_what_is_not_three_numbers_is_no_count(text: bytes) -> None:
    assert read(text) is None
    assert read(written(COUNTS).encode()) == COUNTS
