"""What is written in one turn of the event loop leaves at its end, together.

Each write wakes whoever waits for it. One by one, he would be asleep again before the next: with
dozens of connections, waking him would cost more than all else that is done for a request. Much at
once leaves at once: only what the transport itself holds lets it say that a reader is too slow.
"""

import asyncio
import logging

logger = logging.getLogger(__name__)

MUCH = 16 * 1024


class Outbox:
    """Of one event loop."""

    def __init__(self) -> None:
        self.filled: list[Gathering] = []

    def send_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        filled, self.filled = self.filled, []
        for transport in filled:
            try:
                data, transport.data = transport.data, b""
                if data and not transport.is_closing():  # as `flush`, without the call
                    transport.inside.write(data)
            except Exception:  # one connection must not keep the answers of all others
                logger.exception("a connection is closed by a fault of ours")
                transport.abort()


class Gathering:
    """Stands for a transport: what is written goes through the outbox, all else is as it is."""

    __slots__ = (
        *("_outbox", "data", "inside"),
        *("can_write_eof", "get_extra_info", "is_closing"),
        *("pause_reading", "resume_reading", "set_write_buffer_limits"),
    )

    def __init__(self, inside: asyncio.Transport, outbox: Outbox) -> None:
        self.inside = inside
        self._outbox = outbox
        self.data = b""
        self.can_write_eof = inside.can_write_eof
        self.get_extra_info = inside.get_extra_info
        self.is_closing = inside.is_closing
        self.pause_reading = inside.pause_reading
        self.resume_reading = inside.resume_reading
        self.set_write_buffer_limits = inside.set_write_buffer_limits

    def write(self, data: bytes) -> None:
        if self.data or len(data) >= MUCH:
            self._write_more(data)
            return
        self.data = data
        filled = self._outbox.filled
        if not filled:
            self._outbox.send_soon()
        filled.append(self)

    def flush(self) -> None:
        data, self.data = self.data, b""
        if data and not self.is_closing():
            self.inside.write(data)

    def _write_more(self, data: bytes) -> None:
        self.data += data
        if len(self.data) >= MUCH:
            self.flush()

    def close(self) -> None:
        self.flush()
        self.inside.close()

    def write_eof(self) -> None:
        self.flush()
        self.inside.write_eof()

    def abort(self) -> None:
        self.data = b""
        self.inside.abort()

    def get_write_buffer_size(self) -> int:
        return len(self.data) + self.inside.get_write_buffer_size()
