"""What is written in one turn of the event loop leaves at its end, together.

Each write wakes whoever waits for it. One by one, he would be asleep again before the next: with
dozens of connections, waking him would cost more than all else that is done for a request. Much at
once leaves at once: only what the transport itself holds lets it say that a reader is too slow. So
does the end of a stream, which is the last for its reader: he need not wait until it is accounted
for.
"""

import asyncio
import logging

logger = logging.getLogger(__name__)

MUCH = 16 * 1024


class Outbox:
    """Of one event loop."""

    def __init__(self) -> None:
        self._filled: list[Gathering] = []

    def add(self, transport: "Gathering") -> None:
        if not self._filled:
            asyncio.get_running_loop().call_soon(self._send)
        self._filled.append(transport)

    def _send(self) -> None:
        filled, self._filled = self._filled, []
        for transport in filled:
            self.flush(transport)

    def flush(self, transport: "Gathering") -> None:
        """What it holds leaves now."""
        try:
            transport.flush()
        except Exception:  # one connection must not keep the answers of all others
            logger.exception("a connection is closed by a fault of ours")
            transport.abort()


class Gathering:
    """Stands for a transport: what is written goes through the outbox, all else is as it is."""

    __slots__ = (
        *("_data", "_inside", "_outbox"),
        *("can_write_eof", "get_extra_info", "is_closing"),
        *("pause_reading", "resume_reading", "set_write_buffer_limits"),
    )

    def __init__(self, inside: asyncio.Transport, outbox: Outbox) -> None:
        self._inside = inside
        self._outbox = outbox
        self._data = b""
        self.can_write_eof = inside.can_write_eof
        self.get_extra_info = inside.get_extra_info
        self.is_closing = inside.is_closing
        self.pause_reading = inside.pause_reading
        self.resume_reading = inside.resume_reading
        self.set_write_buffer_limits = inside.set_write_buffer_limits

    def write(self, data: bytes) -> None:
        if self._data:
            self._data += data
        elif data:
            self._data = data
            self._outbox.add(self)
        if len(self._data) >= MUCH:
            self.flush()

    def flush(self) -> None:
        data, self._data = self._data, b""
        if data and not self.is_closing():
            self._inside.write(data)

    def close(self) -> None:
        self.flush()
        self._inside.close()

    def write_eof(self) -> None:
        self.flush()
        self._inside.write_eof()

    def abort(self) -> None:
        self._data = b""
        self._inside.abort()

    def get_write_buffer_size(self) -> int:
        return len(self._data) + self._inside.get_write_buffer_size()
