"""One server as several processes on one port, kept alive and ended together."""

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

from fastchat.core import config as configuration
from fastchat.core import logging as logs
from fastchat.core.parent import die_with
from fastchat.serve._run import follow_supervisor

logger = logging.getLogger("uvicorn.error")

ENDINGS = (signal.SIGTERM, signal.SIGINT)
# A process that could not even start was told to do something impossible: so would be the next.
CANNOT_START = 2
PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


def run_several(
    count: int,
    run: Callable[[int | None], None],
    bound: Sequence[socket.socket],
    mourn: Callable[[int], None],
) -> None:
    """`run` here, or in `count` processes that know their numbers. They inherit the sockets.
    `mourn` hears of each that has ended, before another takes its number."""
    if count == 1:
        run(None)
        return
    logs.configure("", logdir=None)  # the processes have a file each; this one says little
    follow_supervisor()
    raise SystemExit(Siblings(count, run, bound, mourn).serve())


@dataclass(slots=True)
class Siblings:
    """`run` is called in a fork of this process, so nothing that forks badly may have been begun:
    no event loop, no thread."""

    count: int
    run: Callable[[int], None]
    bound: Sequence[socket.socket]
    mourn: Callable[[int], None]
    _running: dict[int, int] = field(default_factory=dict)
    _ending: threading.Event = field(default_factory=threading.Event)
    _pause_s: float = PAUSE_S

    def serve(self) -> int:
        """The exit status, when all have ended."""
        for ending in ENDINGS:
            signal.signal(ending, self._end)
        for number in range(1, self.count + 1):
            self._start(number)
        failed = False
        while self._running:
            pid, status = os.wait()
            number = self._running.pop(pid)
            self.mourn(number)
            if not self._ending.is_set():
                failed = os.waitstatus_to_exitcode(status) == CANNOT_START
                if failed:
                    self._end()
                else:
                    self._start_again(number)
        return CANNOT_START if failed else 0

    def _start_again(self, number: int) -> None:
        logger.error("process %d of %d ended; it is started again", number, self.count)
        self._ending.wait(self._pause_s)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        if not self._ending.is_set():
            self._start(number)

    def _start(self, number: int) -> None:
        parent = os.getpid()
        # Who is told to end now would end the others, as its parent does: so nobody is told.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
        pid = os.fork()
        if pid == 0:
            self._become(number, parent)
        self._running[pid] = number
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)

    def _become(self, number: int, parent: int) -> NoReturn:
        """Never come back to what the parent was doing."""
        status = 1
        try:
            for ending in ENDINGS:
                signal.signal(ending, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
            logging.getLogger().handlers.clear()
            configuration.hand_over(parent)
            die_with(parent)
            self.run(number)
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:
            logger.exception("process %d cannot go on", number)
        finally:
            logging.shutdown()
            os._exit(status)

    def _end(self, signum: int = 0, frame: FrameType | None = None) -> None:
        self._ending.set()
        for one in self.bound:
            one.close()  # whoever comes now is refused at once, and not kept waiting
        for pid in list(self._running):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
