"""What a request names by URL is found in its bytes, in whatever dialect."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from fastchat.core.errors import InvalidRequest
from fastchat.protocol.openai.media import (
    embedded,
    may_name_media,
    remote_anywhere,
    remote_media,
)
from tests.pictures import DATA, body_of, picture


def test_media_are_found_however_they_are_spelt() -> None:
    body = body_of(
        picture("HTTP://a"), {"image_url": "file:///b"}, {"video_url": {"url": "http://c"}}
    )
    assert remote_media(body) == ["HTTP://a", "file:///b", "http://c"]
    hidden = body.replace(b'"image_url"', b'"image\\u005furl"')
    assert may_name_media(hidden)
    assert remote_media(hidden) == remote_media(body)
    assert remote_media(body_of(picture(" DATA:x"), {"image_url": 7})) == []
    assert remote_media(b'{"messages":7}') == []
    assert not may_name_media(body_of({"type": "text", "text": "http://a"}))


@pytest.mark.parametrize("underscores", [0, 3, 63, 64, 65, 500])
def test_media_are_found_in_a_long_body_however_many_underscores_are_in_front(
    underscores: int,
) -> None:
    text = "_ " * underscores + "x" * 5000
    assert not may_name_media(body_of({"type": "text", "text": text}))
    assert may_name_media(body_of({"type": "text", "text": text}, picture("http://a")))


@pytest.mark.parametrize("find", [remote_media, remote_anywhere])
@pytest.mark.parametrize("more", [b"1e400", b"NaN", b'"\\ud800"', b"[" * 5000])
def test_a_body_that_only_others_read_to_its_end_is_refused(
    find: Callable[[bytes], list[str]], more: bytes
) -> None:
    body = body_of(picture("http://a"))
    with pytest.raises(InvalidRequest):
        find(body[:-1] + b',"x":' + more + b"}")


ELSEWHERE = [
    {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "http://a"}]}]},
    {"input": [{"content": [{"type": "input_file", "file_url": "http://a"}]}]},
    {"messages": [{"content": [{"type": "image", "source": {"type": "url", "url": "http://a"}}]}]},
    {"messages": [{"content": [{"content": [{"source": {"url": "http://a"}}]}]}]},
    {"query": "q", "documents": {"content": [picture("http://a")]}},
    {"data_1": {"content": [picture("http://a")]}, "data_2": "x"},
    {"type": "tool_use", "input": [{"image_url": "http://a"}]},
    {"input": [{"text": "x"}, {"image": "http://a"}]},
]


@pytest.mark.parametrize("asked", ELSEWHERE, ids=range(len(ELSEWHERE)))
def test_media_are_found_in_every_dialect(asked: dict[str, Any]) -> None:
    body = json.dumps(asked).encode()
    assert remote_anywhere(body) == ["http://a"]


def test_what_a_model_called_a_tool_with_is_no_picture() -> None:
    call = {"type": "tool_use", "input": {"page_url": "http://a"}}
    asked = {"messages": [{"content": [call]}], "source": "http://a"}
    assert remote_anywhere(json.dumps(asked).encode()) == []


def test_what_was_fetched_takes_the_place_of_its_url() -> None:
    body = embedded(body_of(picture("http://a"), picture("data:x")), {"http://a": DATA})
    parts = json.loads(body)["messages"][0]["content"]
    assert parts == [picture(DATA), picture("data:x")]
