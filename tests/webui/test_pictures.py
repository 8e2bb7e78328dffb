"""What a browser sends as pictures is looked at before anybody is shown it."""

import base64
import json
import struct

import pytest

from fastchat.core.errors import InvalidRequest, OutOfRange
from fastchat.webui.pictures import CHARACTERS, CONVERSATION_CHARACTERS, fit, pictures_of
from tests.webui.drawing import png, sent, url_of


def test_no_pictures_are_none() -> None:
    assert pictures_of("") == pictures_of(None) == pictures_of("[]") == ()


def test_a_picture_is_called_what_it_is() -> None:
    (found,) = pictures_of(sent(url_of(png(), "image/gif; name=x")))
    assert found == url_of(png())


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7",
        b"",
    ],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest, match="PNG, JPEG, GIF or WebP"):
        pictures_of(sent(url_of(content)))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/cat.png",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "data:image/png,plain",
        "javascript:alert(1)",
        'data:image/png;base64,AA=="><script>alert(1)</script>',
        "",
    ],
)
def test_only_data_urls_are_taken(url: str) -> None:
    with pytest.raises(InvalidRequest):
        pictures_of(sent(url))


@pytest.mark.parametrize("said", ["{", "[", '"data:"', "[1]", "[null]", 7, ["x"], {}, "\udcff"])
def test_a_list_that_is_none_is_refused(said: object) -> None:
    with pytest.raises(InvalidRequest, match="reload the page"):
        pictures_of(said)


def test_there_is_a_bound_for_their_number_and_their_size() -> None:
    assert len(pictures_of(sent(*[url_of(png())] * 4))) == 4
    with pytest.raises(OutOfRange, match="at most 4"):
        pictures_of(sent(*[url_of(png())] * 5))
    large = png() + bytes(CHARACTERS)
    with pytest.raises(OutOfRange, match="400 kB"):
        pictures_of(sent(url_of(large)))


def test_there_is_a_bound_for_their_pixels() -> None:
    bomb = png()[:16] + struct.pack(">II", 30_000, 30_000) + png()[24:]
    with pytest.raises(OutOfRange, match="30000 x 30000 pixels"):
        pictures_of(sent(url_of(bomb)))


def test_a_conversation_has_a_bound_too() -> None:
    fit(["x" * CONVERSATION_CHARACTERS])
    with pytest.raises(OutOfRange, match="new chat"):
        fit(["x" * CONVERSATION_CHARACTERS, "y"])


def test_what_stands_in_the_page_has_no_quotes_in_it() -> None:
    """The markup around a picture is ours; whatever came is base64 once more."""
    dirty = json.dumps([f"data:image/png;base64,{base64.b64encode(png()).decode()}"])
    assert '"' not in pictures_of(dirty)[0]
