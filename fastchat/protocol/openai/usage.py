"""Token counts from servers that are not ours: they are asked for in the body, and come as one more
event of the stream, which a client that did not ask for it is not to see.
"""

import msgspec

from fastchat.core.generation import Usage
from fastchat.protocol.codec import decode
from fastchat.protocol.openai.requests import changed
from fastchat.protocol.openai.told_usage import Options, Told

# A line is passed on when it is whole; nobody writes longer ones.
LINE_BYTES = 256 * 1024

_ASKED = b'{"stream_options":{"include_usage":true},'
# Inside of an event's text the quotes would be escaped.
_USAGE = b'"usage"'


def asking(body: bytes) -> tuple[bytes, bool]:
    """The body of a streamed request, a JSON object, that asks for the counts; and whether the
    client had asked for them itself. What makes no sense stays: the server says so, unless it is no
    JSON (`InvalidRequest`)."""
    if b"stream_options" not in body and b"\\u" not in body:  # nor spelt with escapes
        rest = body[body.index(b"{") + 1 :]
        return _ASKED + rest if rest.strip() != b"}" else _ASKED[:-1] + rest, False
    given = decode(body, Options).stream_options
    options = {} if given is None else given
    if not isinstance(options, dict) or options.get("include_usage") is True:
        return body, True
    return changed(body, stream_options=options | {"include_usage": True}), False


def usage_in(answer: bytes) -> Usage | None:
    """Of a plain answer."""
    said = _read(answer)
    return said.usage.counted() if said is not None and said.usage is not None else None


class UsageSieve:
    """Reads the counts out of a stream that comes in pieces of any size, and takes the event that
    holds nothing else away from a client that did not ask for it."""

    __slots__ = ("_held", "_in_taken", "_wanted", "counts")

    def __init__(self, *, wanted: bool) -> None:
        self.counts: Usage | None = None
        self._wanted = wanted
        self._held = b""
        self._in_taken = False  # the empty line behind a taken one is a part of it

    def passed(self, piece: bytes) -> bytes:
        """What the client gets of the piece: lines that are whole."""
        data = self._held + piece if self._held else piece
        if data[-1:] != b"\n":
            end = data.rfind(b"\n") + 1
            if len(data) - end > LINE_BYTES:
                end = len(data)
            data, self._held = data[:end], data[end:]
        else:
            self._held = b""
        if _USAGE not in data and not self._in_taken:  # nearly always
            return data
        return b"".join(line for line in data.splitlines(keepends=True) if not self._takes(line))

    def rest(self) -> bytes:
        """What still waits when the stream has ended."""
        held, self._held = self._held, b""
        return held

    def _takes(self, line: bytes) -> bool:
        if self._in_taken:
            self._in_taken = False
            return not line.strip()
        if _USAGE not in line or not line.startswith(b"data:"):
            return False
        said = _read(line[len(b"data:") :])
        if said is None or said.usage is None:
            return False
        self.counts = said.usage.counted()
        self._in_taken = not said.choices and not self._wanted
        return self._in_taken


def _read(text: bytes) -> Told | None:
    try:
        return msgspec.json.decode(text, type=Told)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
