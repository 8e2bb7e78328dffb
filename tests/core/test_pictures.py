"""A picture is known by how it begins, whatever somebody calls it."""

import pytest

from fastchat.core.pictures import kind_of, mark_of


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"\xff\xd8\xff\xe0rest", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"<!doctype html><img>", None),
        (b"", None),
    ],
)
def test_what_begins_like_one(content: bytes, kind: str | None) -> None:
    assert kind_of(content) == kind


def test_a_mark_tells_pictures_apart() -> None:
    assert mark_of("data:image/png;base64,AA==") != mark_of("data:image/png;base64,AB==")
    assert len(mark_of("\udcff")) == 32
