"""A child that is an engine: its output goes into our log, and what it died of is told in words."""

import asyncio
import logging
import os
import re
from collections import deque
from contextlib import suppress
from pathlib import Path

from fastchat.core.child import Child, ending
from fastchat.core.errors import EngineLost, OutOfMemory, PlatformError
from fastchat.core.parent import tied
from fastchat.engines.served.command import Command

logger = logging.getLogger("engine")

TAIL_LINES = 15
LINE_BYTES = 4096

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# As PyTorch, CUDA, C++ and Python say that there is no more memory.
_NO_MEMORY = re.compile(
    r"out of memory|OutOfMemoryError|cannot allocate memory|std::bad_alloc|MemoryError"
    r"|not enough memory|No available memory",
    re.IGNORECASE,
)


class Output:
    """Reads what a process writes, line by line, into our log."""

    def __init__(self, name: str) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._name = name
        self._rest = b""
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        asyncio.get_running_loop().add_reader(self._reader, self._read)

    @property
    def last(self) -> str:
        return self.tail[-1] if self.tail else ""

    def close(self) -> None:
        if self._reader >= 0:
            asyncio.get_running_loop().remove_reader(self._reader)
            os.close(self._reader)
            self._reader = -1

    def drain(self) -> None:
        """What was written before it ended."""
        while self._reader >= 0 and self._read():
            pass

    def _read(self) -> bool:
        try:
            data = os.read(self._reader, 65536)
        except BlockingIOError:
            return False
        if not data:
            self.close()
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data or len(self._rest) > LINE_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._take(line)
        return bool(data)

    def _take(self, line: bytes) -> None:
        text = _COLOURS.sub("", line[:LINE_BYTES].decode(errors="replace")).rstrip()
        text = _UNPRINTABLE.sub("?", text)
        if text:
            self.tail.append(text)
            logger.info("%s: %s", self._name, text)


class EngineProcess(Child):
    """`end` is its return code, as soon as the kernel tells it."""

    def __init__(self, process: asyncio.subprocess.Process, output: Output, kills: int) -> None:
        super().__init__(process)
        self.output = output
        self._kills = kills

    @classmethod
    async def start(cls, name: str, command: Command) -> "EngineProcess":
        """Raises OSError. It ends when we do, however we end."""
        output = Output(name)
        kills = memory_kills()
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *tied(command.argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output.writer,
                stderr=output.writer,
                env=dict(command.environment),
                start_new_session=True,
            )
        )
        try:
            process = await asyncio.shield(starting)
        except asyncio.CancelledError:  # it may be there already, and would be nobody's
            output.close()
            await _end(starting)
            raise
        except BaseException:
            output.close()
            raise
        finally:
            os.close(output.writer)
        return cls(process, output, kills)

    def death(self, title: str, code: int) -> PlatformError:
        """What those are told whose answers it took with it."""
        self.output.drain()
        said_so = any(_NO_MEMORY.search(line) for line in self.output.tail)
        if said_so or (code == -9 and memory_kills() > self._kills):
            return OutOfMemory(
                f"{title} ran out of memory and {ending(code)}; it is being started again. Ask for "
                "shorter answers or fewer at once, or give it more memory."
            )
        return EngineLost(f"{title} {ending(code)}; it is being started again.")


async def _end(starting: "asyncio.Future[asyncio.subprocess.Process]") -> None:
    with suppress(OSError):
        process = await starting
        process.kill()
        await process.wait()


def memory_kills() -> int:
    """How often the kernel killed a process of this control group for want of memory."""
    try:
        group = Path("/proc/self/cgroup").read_text().partition("0::")[2].strip()
        events = Path(f"/sys/fs/cgroup{group}/memory.events").read_text()
    except OSError:
        return 0
    counts = dict(line.split() for line in events.splitlines())
    return int(counts.get("oom_kill", 0))
