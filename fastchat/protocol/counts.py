"""Token counts beside an answer, from worker to gateway: nobody parses an answer for them.

A gateway asks with the header `x-fastchat-counts: 1`. The counts of a plain answer come in that
header, those of a stream in a last comment, which the gateway keeps from the client.
"""

from fastchat.core.generation import Usage

HEADER = "x-fastchat-counts"
MARK = b": fastchat-counts "
# No comment of ours is longer; what is, is somebody else's.
MOST_BYTES = 128

_COLON = ord(":")
_NEWLINE = ord("\n")


def written(usage: Usage) -> str:
    return f"{usage.prompt_tokens} {usage.completion_tokens} {usage.cached_tokens}"


def read(text: bytes) -> Usage | None:
    """None for anything but three numbers."""
    numbers = text.split() if len(text) <= MOST_BYTES else []
    if len(numbers) != 3 or not b"".join(numbers).isdigit():
        return None
    prompt, completion, cached = numbers
    return Usage.told(int(prompt), int(completion), int(cached))


def comment(usage: Usage) -> bytes:
    return MARK + written(usage).encode() + b"\n\n"


class Sieve:
    """Takes the counts out of a stream of server-sent events that comes in pieces of any size."""

    __slots__ = ("_after_newline", "_held", "counts")

    def __init__(self) -> None:
        self.counts: Usage | None = None
        self._held = b""
        self._after_newline = True

    def passed(self, piece: bytes) -> bytes:
        """What the client gets of the piece; what may become a comment of ours waits."""
        if not piece:
            return piece
        may_begin = piece[0] == _COLON and self._after_newline
        if not may_begin and b"\n:" not in piece and not self._held:  # nearly always
            self._after_newline = piece[-1] == _NEWLINE
            return piece
        data, begins_line = self._held + piece, self._after_newline
        self._held = b""
        self._after_newline = data[-1] == _NEWLINE
        return self._sifted(data, 0 if begins_line and data[0] == _COLON else _next(data, 0))

    def rest(self) -> bytes:
        """What still waits when the stream has ended: it was no comment of ours."""
        held, self._held = self._held, b""
        return held

    def _sifted(self, data: bytes, start: int) -> bytes:
        while start >= 0:
            end = data.find(b"\n\n", start)
            line = data[start : end if end >= 0 else len(data)]
            if end < 0 and len(line) <= MOST_BYTES and _may_be_ours(line):
                self._held = data[start:]
                self._after_newline = True
                return data[:start]
            counts = read(line[len(MARK) :]) if line.startswith(MARK) and end >= 0 else None
            if counts is not None:
                self.counts = counts
                data = data[:start] + data[end + 2 :]
                start = start if data[start : start + 1] == b":" else _next(data, start)
            else:
                start = _next(data, start + 1)
        return data


def _may_be_ours(line: bytes) -> bool:
    return line.startswith(MARK) or MARK.startswith(line)


def _next(data: bytes, start: int) -> int:
    """Where the next line begins that is a comment; -1 for nowhere."""
    found = data.find(b"\n:", start)
    return found + 1 if found >= 0 else -1
