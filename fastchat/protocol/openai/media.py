"""Pictures, and whatever else a message may name by URL, in the bytes of a request.

Who would fetch them stands inside the operator's network. So they are found before anybody does:
`image_url` and all that is spelt like it, `video_url` and `audio_url` of some engines too.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from fastchat.protocol.openai.requests import changed

_SUFFIX = "_url"

Part = dict[str, Any]


def may_name_media(body: bytes) -> bool:
    """Within a microsecond or two; false for nearly all."""
    return b"_url" in body or b"\\u" in body  # a key may hide behind escapes


def remote_media(body: bytes) -> list[str]:
    """All URLs that are no data, in their order. Of a body that is no request: none."""
    try:
        asked = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    messages = asked.get("messages") if isinstance(asked, dict) else None
    return [url for part, key in _named(messages) if (url := _remote(part[key]))]


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


def _remote(said: object) -> str:
    url = said.get("url") if isinstance(said, dict) else said
    is_remote = isinstance(url, str) and not url.lstrip().lower().startswith("data:")
    return str(url) if is_remote else ""
