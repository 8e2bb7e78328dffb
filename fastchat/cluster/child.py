"""One operating-system process: how it is started, ended, and what it wrote."""

import asyncio
import os
import shutil
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fastchat.cluster.plan import ProcessSpec
from fastchat.core import child as core

LOG_LIMIT_BYTES = 64 << 20
TAIL_LINES = 15
_TAIL_BYTES = 16 << 10


class Output:
    """What a process writes, in a file: the process needs nobody to read a pipe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._began = path.stat().st_size if path.exists() else 0

    def appender(self) -> BinaryIO:
        return self.path.open("ab")

    def tail(self) -> list[str]:
        """The last lines of this life."""
        with self.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            began = self._began if self._began <= size else 0
            file.seek(max(began, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
        return list(deque(text.rstrip().splitlines(), TAIL_LINES))

    def trim(self, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
        """Move much output aside. The writer appends, so it goes on in the emptied file."""
        if self.path.stat().st_size > limit_bytes:
            shutil.copyfile(self.path, self.path.with_suffix(".log.1"))
            os.truncate(self.path, 0)


class Child(core.Child):
    """A process of the platform, and what it wrote."""

    def __init__(self, process: asyncio.subprocess.Process, output: Output) -> None:
        super().__init__(process)
        self.output = output


@dataclass(frozen=True, kw_only=True, slots=True)
class Launcher:
    """Starts children with this environment, their output in files of `logdir`.

    `keys` is the text of a key file, for those that take one.
    """

    environment: Mapping[str, str]
    logdir: Path
    keys: str = ""

    async def __call__(self, spec: ProcessSpec) -> Child:
        """Raises OSError. For the main thread only: children end with the thread that forked."""
        if spec.keys_flag is None or not self.keys:
            return await self._spawn(spec, spec.argv)
        # A descriptor, because everybody on the machine can read the arguments of a process.
        descriptor = _pipe_with(self.keys.encode())
        try:
            argv = (*spec.argv, spec.keys_flag, f"/dev/fd/{descriptor}")
            return await self._spawn(spec, argv, (descriptor,))
        finally:
            os.close(descriptor)

    async def _spawn(
        self, spec: ProcessSpec, argv: tuple[str, ...], descriptors: tuple[int, ...] = ()
    ) -> Child:
        output = Output(self.logdir / f"{spec.name}.log")
        with output.appender() as file:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={
                    **self.environment,
                    "LOGDIR": str(self.logdir),
                    "FASTCHAT_SUPERVISED": str(os.getpid()),
                    **spec.environment,
                },
                pass_fds=descriptors,
                start_new_session=True,
            )
        return Child(process, output)


def _pipe_with(content: bytes) -> int:
    """The end to read from. A thread writes: a pipe holds 64 KiB, and keys may be more."""
    reader, writer = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), open(writer, "wb") as file:
            file.write(content)

    threading.Thread(target=write, daemon=True).start()
    return reader
