"""A request whose client waits for so long and no longer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fastchat.protocol.deadline import seconds

# Nobody downstream is to be told zero.
LEAST_S = 0.001


@dataclass(frozen=True, slots=True)
class Deadline:
    _timer: asyncio.TimerHandle

    @classmethod
    def of(cls, header: bytes, passed: Callable[[], None]) -> "Deadline":
        """Calls `passed` when it has. Raises `InvalidRequest`."""
        limit_s = seconds(header.decode("latin-1"))
        return cls(asyncio.get_running_loop().call_later(limit_s, passed))

    @property
    def left(self) -> bytes:
        """As the header says it."""
        left_s = self._timer.when() - asyncio.get_running_loop().time()
        return b"%.3f" % max(LEAST_S, left_s)

    def cancel(self) -> None:
        self._timer.cancel()
