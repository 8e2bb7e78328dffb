import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastchat.core.generation import MOST_TOKENS, Usage
from fastchat.protocol.openai.usage import LINE_BYTES, UsageSieve, asking, usage_in

SAID = {
    "prompt_tokens": 7,
    "completion_tokens": 15,
    "total_tokens": 22,
    "prompt_tokens_details": {"cached_tokens": 2},
}
COUNTS = Usage(prompt_tokens=7, completion_tokens=15, cached_tokens=2)
LAST = b'data: {"choices":[],"usage":' + json.dumps(SAID).encode() + b"}\n\n"
EVENTS = [
    b'data: {"choices":[{"delta":{"content":"\\"usage\\": {}"}}],"usage":null}\n\n',
    b'data: {"choices":[{"delta":{"content":"a"}}]}\r\n\r\n',
    b": keep-alive\n\n",
    b'data: "usage"\n\n',
    b'data: {"usage": 3}\n\n',
    b"\n\n",
]


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (b'{"model": "m"}', False),
        (b' {\n"model": "m", "stream": true}', False),
        (b"{ }", False),
        (b'{"model": "m", "stream_options": null}', False),
        (b'{"stream_options": {"include_usage": false, "more": [1]}, "model": "m"}', False),
        (b'{"stream_options": {"include_usage": true, "more": [1]}, "model": "m"}', True),
        (b'{"messages": [{"content": "\\"stream_options\\"", "stream_options": 1}]}', False),
        (b'{"stream\\u005foptions": {"include_usage": true}, "model": "m"}', True),
    ],
)
def test_counts_are_asked_for_and_nothing_else_changes(body: bytes, asked: bool) -> None:
    changed, had_asked = asking(body)
    before, after = json.loads(body), json.loads(changed)
    assert had_asked is asked
    options = (before.pop("stream_options", None) or {}) | {"include_usage": True}
    assert after.pop("stream_options") == options
    assert after == before


@pytest.mark.parametrize("options", [b"1", b'"x"', b"[{}]", b"false"])
def test_what_no_server_understands_is_left_for_it_to_refuse(options: bytes) -> None:
    body = b'{"model": "m", "stream_options": %b}' % options
    assert asking(body) == (body, True)


@given(st.lists(st.sampled_from(EVENTS), max_size=6), st.booleans(), st.data())
def test_the_counts_are_read_and_only_who_asked_sees_them(
    events: list[bytes], wanted: bool, data: st.DataObject
) -> None:
    said = b"".join(events)
    stream = said + LAST + b"data: [DONE]\n\n"
    sieve = UsageSieve(wanted=wanted)
    passed = b""
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        passed += sieve.passed(stream[:size])
        stream = stream[size:]
    assert passed + sieve.rest() == said + (LAST if wanted else b"") + b"data: [DONE]\n\n"
    assert sieve.counts == COUNTS


def test_counts_beside_text_stay_where_they_are() -> None:
    event = b'data: {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}\n\n'
    sieve = UsageSieve(wanted=False)
    assert sieve.passed(event) == event
    assert sieve.counts == Usage(prompt_tokens=1)


def test_a_line_without_end_is_not_kept() -> None:
    sieve = UsageSieve(wanted=False)
    assert sieve.passed(b"x" * 100) == b""
    assert len(sieve.passed(b"x" * LINE_BYTES)) == LINE_BYTES + 100


def test_the_counts_of_a_plain_answer() -> None:
    assert usage_in(json.dumps({"choices": [1], "usage": SAID}).encode()) == COUNTS
    assert usage_in(b'{"choices": []}') is None
    assert usage_in(b"<html>") is None


@pytest.mark.parametrize("number", [-5, 10**30, 1.5, True, "7"])
def test_counts_that_make_no_sense_give_nothing_back_and_break_nothing(number: object) -> None:
    said = dict.fromkeys(("prompt_tokens", "completion_tokens"), number)
    details = {"prompt_tokens_details": {"cached_tokens": number}}
    counts = usage_in(json.dumps({"usage": said | details}).encode()) or Usage()
    assert 0 <= counts.cached_tokens <= counts.prompt_tokens <= MOST_TOKENS
    assert 0 <= counts.completion_tokens <= MOST_TOKENS
