"""Standard input, read beside the event loop."""

import codecs
import os
from functools import partial

from fastchat.core.threads import in_daemon_thread

_BLOCK = 65536


class Source:
    """Reads the descriptor itself: a thread that waits in `sys.stdin` would keep Python from
    ending."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._buffer = ""

    async def through(self, end: str) -> str:
        """The text up to and with `end`; at the end of the input what is left, without it.

        Raises EOFError when nothing is left. A terminal may go on after that.
        """
        searched = 0
        while (found := self._buffer.find(end, searched)) < 0:
            searched = max(0, len(self._buffer) - len(end) + 1)
            block = await self._block()
            self._buffer += self._decoder.decode(block, final=not block)
            if not block:
                return self._taken(len(self._buffer))
        return self._taken(found + len(end))

    async def _block(self) -> bytes:
        try:
            return await in_daemon_thread(partial(os.read, self._descriptor, _BLOCK))
        except OSError:
            return b""  # closed by whoever started us, or a terminal that was hung up

    def _taken(self, length: int) -> str:
        if not length:
            raise EOFError
        text, self._buffer = self._buffer[:length], self._buffer[length:]
        return text
