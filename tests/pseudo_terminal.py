"""A command in a terminal of its own: what it shows can be waited for, keys can be pressed."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

CTRL_C, CTRL_D = "\x03", "\x04"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


def _without_size(environ: Mapping[str, str]) -> dict[str, str]:
    """Whoever runs the tests may say how wide its own terminal is."""
    return {name: value for name, value in environ.items() if name not in ("COLUMNS", "LINES")}


class PseudoTerminal:
    """Use it as a context: what still runs at its end is killed."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path,
        environ: Mapping[str, str],
        columns: int = 120,
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={"TERM": "xterm-256color", **_without_size(environ)},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self._shown = ""
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        self._reader.join(10)
        os.close(self._master)

    @property
    def text(self) -> str:
        """All that was ever shown, without colours and movements."""
        with self._changed:
            return _ESCAPES.sub("", self._shown)

    def until(self, pattern: str, timeout_s: float = 60, *, after: int = 0) -> re.Match[str]:
        """The first match in what came behind the first `after` characters of the text."""
        with self._changed:
            found = self._changed.wait_for(lambda: self._found(pattern, after), timeout_s)
        if not isinstance(found, re.Match):
            raise AssertionError(f"{pattern!r} was not shown:\n{self.text}")
        return found

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def wait(self, timeout_s: float = 60) -> int:
        return self.process.wait(timeout_s)

    def _found(self, pattern: str, after: int) -> re.Match[str] | bool | None:
        text = _ESCAPES.sub("", self._shown)
        return re.compile(pattern).search(text, after) or self._ended

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # Linux: nobody holds the other side any more
                piece = b""
            with self._changed:
                self._shown += piece.decode(errors="replace")
                self._ended = not piece
                self._changed.notify_all()
            if not piece:
                return
