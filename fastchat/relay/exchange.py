"""One request that is answered below ASGI: no task, no message, one write for each piece."""

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from fastchat.core.errors import BodyTooLarge
from fastchat.relay.lines import CLOSE, says_close
from fastchat.relay.work import Endpoint, Head, Work

if TYPE_CHECKING:
    from fastchat.relay.protocol import EdgeProtocol


class _Nobody:
    """Where uvicorn's cycles keep the event that wakes their task."""

    def set(self) -> None: ...


NOBODY = _Nobody()


class Exchange:
    """The client of whoever answers, and to uvicorn's protocol a cycle like its own: the attributes
    without an underscore are those that it reads and writes, and what the request was understood
    as."""

    message_event = NOBODY
    keep_alive = True
    more_body = True
    disconnected = False
    response_started = False
    response_complete = False
    _work: Work | None = None
    _size = 0

    def __init__(
        self,
        protocol: "EdgeProtocol",
        endpoint: Endpoint,
        head: Head,
        *,
        can_chunk: bool,
        keep_alive: bool,
    ) -> None:
        self._protocol = protocol
        self.endpoint = endpoint
        self.head = head
        self.can_chunk = can_chunk
        self._pieces: list[bytes] = []
        self.keep_alive = keep_alive

    # -- told by the protocol --

    def begin(self) -> None:
        """It is this one's turn: its head is here, and what came behind it while it waited."""
        self._work = self.endpoint.open(self.head, self)
        if not self._work.admit():
            return
        if self._size > self.endpoint.limit_bytes:
            self._refuse_body(self._work)
        elif not self.more_body:
            self._ask()
        elif self.head.get(b"expect", b"").lower() == b"100-continue":
            self._protocol.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def receive(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self.endpoint.limit_bytes:
            self._pieces.append(data)
        elif self.response_complete:  # refused for its head, and it goes on and on
            self._protocol.transport.close()
        elif self._work is not None:
            self._refuse_body(self._work)

    def complete(self) -> None:
        self.more_body = False
        if self._work is not None and not self.response_complete:
            self._ask()

    def ask_whole(self, body: bytes) -> None:
        """It is this one's turn, and all of it is here: no more than the endpoint takes."""
        self.more_body = False
        self._work = work = self.endpoint.open(self.head, self)
        if work.admit():
            work.ask(body)

    def pause(self) -> None:
        if self._work is not None:
            self._work.pause()

    def resume(self) -> None:
        if self._work is not None:
            self._work.resume()

    def leave(self) -> None:
        self.disconnected = True
        if self._work is not None:
            self._work.leave()

    def cut(self) -> None:
        if self._work is not None and not self.response_complete:
            self.keep_alive = False
            self._work.cut()

    # -- Client --

    def whole(self, status: int, lines: bytes, body: bytes) -> None:
        length = b"content-length: %d\r\n\r\n" % len(body)
        answer = b"".join((self._opening(status, lines), length, body))
        self._protocol.transport.write(answer)
        self._finish()

    def start(self, status: int, lines: bytes) -> None:
        framing = b"transfer-encoding: chunked\r\n\r\n" if self.can_chunk else b"\r\n"
        self._protocol.transport.write(self._opening(status, lines) + framing)

    def piece(self, data: bytes) -> None:
        if self.can_chunk:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self._protocol.transport.write(data)

    def end(self) -> None:
        if self.can_chunk:
            self._protocol.transport.write(b"0\r\n\r\n")
        self._protocol.flush()
        self._finish()

    # -- inside --

    def _ask(self) -> None:
        assert self._work is not None
        pieces = self._pieces
        self._pieces = []
        self._work.ask(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def _refuse_body(self, work: Work) -> None:
        work.refuse(BodyTooLarge(self.endpoint.limit_bytes))

    def _opening(self, status: int, lines: bytes) -> bytes:
        self.response_started = True
        if status >= 400 and says_close(lines):
            self.keep_alive = False
        elif not self.keep_alive:
            lines += CLOSE
        return STATUS_LINE[status] + self._protocol.default_lines() + lines

    def _finish(self) -> None:
        self.response_complete = True
        self._work = None  # it knows us: the two of them would wait for the garbage collector
        self._protocol.finish(self)
