"""What a picture is: known by how it begins, because what somebody calls it is his own word."""

import hashlib
from collections.abc import Sequence

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


def mark_of(url: str) -> str:
    """By which a picture is known again where it is not kept itself."""
    return hashlib.sha256(url.encode(errors="surrogatepass")).hexdigest()[:32]
