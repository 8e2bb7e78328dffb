"""A picture is known by how it begins, whatever somebody calls it."""

import io
import struct

import pytest
from PIL import Image

from fastchat.core.errors import InvalidRequest, OutOfRange
from fastchat.core.pictures import MOST_PIXELS, check_size, kind_of, mark_of

FORMATS = [
    ("PNG", {}),
    ("GIF", {}),
    ("JPEG", {"exif": b"Exif\0\0" + b"x" * 60_000}),
    ("JPEG", {"progressive": True}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"exif": b"Exif\0\0x"}),
]


def drawn(width: int, height: int, kind: str, **how: object) -> bytes:
    written = io.BytesIO()
    Image.new("L", (width, height)).save(written, kind, **how)
    return written.getvalue()


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


@pytest.mark.parametrize(("kind", "how"), FORMATS, ids=[str(one)[:30] for one in FORMATS])
def test_a_small_file_with_too_many_pixels_is_refused_undecoded(
    kind: str, how: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastchat.core.pictures.MOST_PIXELS", 300 * 200)
    check_size(drawn(300, 200, kind, **how))
    with pytest.raises(OutOfRange, match=r"A picture has 300 x 201 pixels.*60,000"):
        check_size(drawn(300, 201, kind, **how))


def test_a_bomb_of_a_few_bytes_is_refused() -> None:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    with pytest.raises(OutOfRange, match=f"{MOST_PIXELS:,}"):
        check_size(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + head)


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"RIFF\0\0\0\0WEBPVP9 ",
        b"\xff\xd8\xff\xe0",
        b"\xff\xd8" + b"\xff" * 2_000_000,
        b"\xff\xd8" + b"\xff\xe0\0\2" * 500_000,
        b"",
    ],
    ids=range(7),
)
def test_a_picture_that_does_not_say_its_size_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest, match="does not say its size"):
        check_size(content)
