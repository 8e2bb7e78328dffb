"""What a picture is: known by how it begins, because what somebody calls it is his own word."""

import hashlib
import struct
from collections.abc import Sequence

from fastchat.core.errors import InvalidRequest, OutOfRange

# A small file may hold a huge picture, and whoever decodes it needs three bytes a pixel at least.
MOST_PIXELS = 8192 * 8192
# No camera writes as many segments before a JPEG's size.
_SEGMENTS = 1000

# No SVG: it is a document that may hold scripts, and no model sees it.
_KINDS: Sequence[tuple[bytes, bytes, str]] = (
    (b"\x89PNG\r\n\x1a\n", b"", "image/png"),
    (b"\xff\xd8\xff", b"", "image/jpeg"),
    (b"GIF8", b"", "image/gif"),
    (b"RIFF", b"WEBP", "image/webp"),
)


def kind_of(content: bytes) -> str | None:
    """Its media type; None: no picture that models take."""
    for first, behind, kind in _KINDS:
        if content.startswith(first) and content[8:12].startswith(behind):
            return kind
    return None


def check_size(content: bytes) -> None:
    """Of one of these kinds, by its header: nothing is decoded. Raises `InvalidRequest` for too
    many pixels, or when it does not say its size."""
    size = _size_of(content)
    if size is None:
        raise InvalidRequest("A picture is broken: it does not say its size.", param="messages")
    if size[0] * size[1] > MOST_PIXELS:
        raise OutOfRange(
            f"A picture has {size[0]} x {size[1]} pixels. At most {MOST_PIXELS:,} in all are taken "
            "(8192 x 8192): make it smaller.",
            param="messages",
        )


def _size_of(content: bytes) -> tuple[int, int] | None:
    """Width and height by its header; None where it does not tell."""
    try:
        match kind_of(content):
            case "image/png":
                return struct.unpack_from(">II", content, 16)
            case "image/gif":
                return struct.unpack_from("<HH", content, 6)
            case "image/webp":
                return _size_of_webp(content)
            case "image/jpeg":
                return _size_of_jpeg(content)
    except struct.error:
        pass
    return None


def _size_of_webp(content: bytes) -> tuple[int, int] | None:
    def number(start: int, size: int) -> int:
        return int.from_bytes(content[start : start + size], "little")

    match content[12:16]:
        case b"VP8X":
            return number(24, 3) + 1, number(27, 3) + 1
        case b"VP8L":
            bits = number(21, 4)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return number(26, 2) & 0x3FFF, number(28, 2) & 0x3FFF
    return None


def _size_of_jpeg(content: bytes) -> tuple[int, int] | None:
    """In the first segment that begins a frame; segments say how long they are."""
    place = 2
    for _ in range(_SEGMENTS):
        marker, size, _, height, width = struct.unpack_from(">HHBHH", content, place)
        if marker >> 8 != 0xFF:
            return None
        if marker in range(0xFFC0, 0xFFD0) and marker not in (0xFFC4, 0xFFC8, 0xFFCC):
            return width, height
        place += 1 if marker == 0xFFFF else 2 + size  # one is filling
    return None


def mark_of(url: str) -> str:
    """By which a picture is known again where it is not kept itself."""
    return hashlib.sha256(url.encode(errors="surrogatepass")).hexdigest()[:32]
