"""Pictures that come with a question. The browser makes them small; what it sends is checked here:
anything may be in it.
"""

import base64
import binascii
from collections.abc import Sequence

import msgspec

from fastchat.core.errors import InvalidRequest, OutOfRange
from fastchat.core.pictures import check_size, kind_of

# A worker takes 2 MB a request, in which a conversation is told from its beginning.
MOST = 4
CHARACTERS = 400_000
CONVERSATION_CHARACTERS = MOST * CHARACTERS
_HEAD = "data:"


class Blind(InvalidRequest):
    """A picture for a model that does not see."""

    def __init__(self, model: str) -> None:
        super().__init__(
            f"{model} does not see pictures. Choose a model that does, or start a new chat.",
            param="model",
        )


def pictures_of(sent: object) -> tuple[str, ...]:
    """From a browser's list, as data URLs that say what they are. Raises `InvalidRequest`."""
    if sent in (None, ""):
        return ()
    try:
        urls = msgspec.json.decode(sent, type=list[str]) if isinstance(sent, str) else None
    except (msgspec.DecodeError, UnicodeEncodeError):
        urls = None
    if urls is None:
        raise InvalidRequest("The pictures did not arrive: reload the page.", param="pictures")
    if len(urls) > MOST:
        raise OutOfRange(f"A question has at most {MOST} pictures.", param="pictures")
    return tuple(_checked(url) for url in urls)


def fit(pictures: Sequence[str]) -> None:
    """Raises `OutOfRange` when they are too many for one conversation."""
    if sum(map(len, pictures)) > CONVERSATION_CHARACTERS:
        raise OutOfRange(
            "The pictures of a conversation are too large together: start a new chat.",
            param="pictures",
        )


def _checked(url: str) -> str:
    head, _, said = url.partition(",")
    if not head.startswith(_HEAD) or not head.endswith(";base64"):
        raise InvalidRequest("A picture comes as a data: URL in base64.", param="pictures")
    if len(url) > CHARACTERS:
        raise OutOfRange(
            f"A picture has at most {CHARACTERS // 1000} kB: choose a smaller one.",
            param="pictures",
        )
    try:
        content = base64.b64decode(said, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    kind = kind_of(content)
    if kind is None:
        raise InvalidRequest("A picture is a PNG, JPEG, GIF or WebP file.", param="pictures")
    check_size(content)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
