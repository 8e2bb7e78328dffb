"""Pictures, and whatever else a message may name by URL, in the bytes of a request.

Who would fetch them stands inside the operator's network. So they are found before anybody does:
`image_url` and all that is spelt like it, `video_url` and `audio_url` of some engines too. In other
requests than chats also the `source` of Anthropic's dialect, and `image` as SGLang embeds it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from fastchat.protocol.codec import decode
from fastchat.protocol.openai.requests import changed

_SUFFIX = "_url"
# A body of so many bytes is looked through for underscores first, until so many were found.
_LONG = 4096
_UNDERSCORES = 64
_PLAIN = ("image", "video", "audio")
_WORDS = (b"_url", b"\\u", b'"source"', *(b'"%b"' % word.encode() for word in _PLAIN))

Part = dict[str, Any]


def may_name_media(body: bytes) -> bool:
    """Within a microsecond or two; false for nearly all chats."""
    # A key may hide behind escapes. To look for one byte first is cheaper.
    named = b"_url" in body if len(body) < _LONG else _has_suffix(body)
    return named or (b"\\" in body and b"\\u" in body)


def _has_suffix(body: bytes) -> bool:
    """To look for one byte is ten times cheaper than for a word, until it is found too often."""
    at = body.find(b"_")
    for _ in range(_UNDERSCORES):
        if at < 0 or body.startswith(b"_url", at):
            return at >= 0
        at = body.find(b"_", at + 1)
    return body.find(b"_url", at) >= 0 if at >= 0 else False


def remote_media(body: bytes) -> list[str]:
    """All URLs of a chat that are no data, in their order. Raises `InvalidRequest` for a body that
    is read to its end by nobody here: an engine may read it otherwise."""
    messages = decode(body, Part).get("messages")
    return [url for part, key in _named(messages) if (url := _remote(part[key]))]


def remote_anywhere(body: bytes) -> list[str]:
    """In a request of whatever dialect. Raises as `remote_media`."""
    if not any(word in body for word in _WORDS):
        return []
    asked = decode(body, Part)
    return [url for part in _objects(asked) for said in _saying(part) if (url := _remote(said))]


def embedded(body: bytes, found: Mapping[str, str]) -> bytes:
    """The request with data for each URL that is `found`."""
    messages = msgspec.json.decode(body)["messages"]
    for part, key in _named(messages):
        url = _remote(part[key])
        if url in found:
            part[key] = (
                found[url] if isinstance(part[key], str) else part[key] | {"url": found[url]}
            )
    return changed(body, messages=messages)


def _named(messages: object) -> Iterator[tuple[Part, str]]:
    """The parts that name something, and the key under which they do."""
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict):
                yield from ((part, key) for key in part if key.endswith(_SUFFIX))


def _objects(asked: Part) -> Iterator[Part]:
    left: list[object] = [asked]
    while left:
        here = left.pop()
        if isinstance(here, dict):
            yield here
            is_call = here is not asked and here.get("type") == "tool_use"
            left += (here[key] for key in here if not (is_call and key == "input"))
        elif isinstance(here, list):
            left += here


def _saying(part: Part) -> Iterator[object]:
    for key, said in part.items():
        is_named = key.endswith(_SUFFIX) or (key in _PLAIN and isinstance(said, str))
        if is_named or (key == "source" and isinstance(said, dict)):
            yield said


def _remote(said: object) -> str:
    url = said.get("url") if isinstance(said, dict) else said
    is_remote = isinstance(url, str) and not url.lstrip().lower().startswith("data:")
    return str(url) if is_remote else ""
