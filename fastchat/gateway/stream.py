"""What a client is sent of one stream, from however many workers."""

from fastchat.core.generation import Usage
from fastchat.protocol.counts import Sieve
from fastchat.protocol.openai.answers import DONE
from fastchat.protocol.openai.usage import UsageSieve
from fastchat.relay.work import Client

# What is kept of a stream, to go on from when its worker is lost: some thousand events. One that
# is longer ends with its worker.
KEPT_BYTES = 1024 * 1024
# A line is sent when it is whole, so that no client sees half an event; nobody writes longer ones.
LINE_BYTES = 256 * 1024
KEEP_ALIVE = b": keep-alive\n\n"

# How a worker says that it cannot go on. Inside of an event's text the quotes would be escaped.
_ERROR = b'data: {"error"'
_NEWLINE = ord("\n")


class Stream:
    """`size` is what was sent of answers; it grows with each piece."""

    __slots__ = ("_client", "_held", "_pieces", "_sieve", "committed", "size")

    def __init__(self, client: Client) -> None:
        self.committed = False  # to status 200
        self.size = 0
        self._client = client
        self._pieces: list[bytes] = []
        self._held = b""
        self._sieve: Sieve | UsageSieve | None = None  # until a worker begins

    @property
    def counts(self) -> Usage | None:
        return None if self._sieve is None else self._sieve.counts

    @property
    def kept(self) -> bytes | None:
        """All that was sent of answers; None when it was too much."""
        return b"".join(self._pieces) if self.size <= KEPT_BYTES else None

    @property
    def is_done(self) -> bool:
        return DONE.rstrip() in b"".join(self._pieces[-2:])

    def commit(self, lines: bytes) -> None:
        self.committed = True
        self._client.start(200, lines)

    def begin(self, sieve: Sieve | UsageSieve) -> None:
        """The answer of a worker follows; what the one before left unfinished is forgotten."""
        self._held = b""
        self._sieve = sieve
        if self._pieces and not self._pieces[-1].endswith(b"\n\n"):
            self._send(b"\n")  # the end of an event that is whole but for it

    def take(self, data: bytes) -> bytes:
        """Send what has come; returned is the event in which a worker says that it failed."""
        assert self._sieve is not None
        data = self._sieve.passed(data)
        if self._held or not data or data[-1] != _NEWLINE:  # hardly ever
            data = self._whole_lines(data)
        failure = b""
        if _ERROR in data:
            at = data.find(_ERROR)
            data, failure = data[:at], data[at:]
        if data:  # as in `_send`, without the call
            self._pieces.append(data)
            self.size += len(data)
            self._client.piece(data)
            if self.size > KEPT_BYTES:
                del self._pieces[:-2]
        return failure

    def keep_alive(self) -> None:
        self._client.piece(KEEP_ALIVE)

    def end(self) -> None:
        assert self._sieve is not None
        if rest := self._held + self._sieve.rest():
            self._send(rest)
        self._client.end()

    def end_with(self, event: bytes) -> None:
        """Some last words, after which nothing comes."""
        broken = self._pieces and not self._pieces[-1].endswith(b"\n\n")
        self._client.piece(b"\n" + event if broken else event)
        self._client.end()

    def _send(self, data: bytes) -> None:
        self._pieces.append(data)
        self.size += len(data)
        self._client.piece(data)
        if self.size > KEPT_BYTES:
            del self._pieces[:-2]

    def _whole_lines(self, data: bytes) -> bytes:
        data = self._held + data
        end = data.rfind(b"\n") + 1
        if len(data) - end > LINE_BYTES:
            end = len(data)
        self._held = data[end:]
        return data[:end]
