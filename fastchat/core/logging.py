"""Logging, configured once by the entry point: standard error and bounded files in LOGDIR."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from fastchat.core.config import environment, flag

LINE = "%(asctime)s | %(levelname)s | %(name)s | %(message)s"
STAMP = "%Y-%m-%d %H:%M:%S"
FORMATS = ("json", "text", "rich")


@dataclass(frozen=True, kw_only=True)
class LogFlags:
    log_format: str = flag(
        "text",
        help="how log lines look: json for machines, rich for eyes (on the terminal only)",
        env="FASTCHAT_LOG_FORMAT",
        choices=lambda: FORMATS,
    )
    log_file_mb: int = flag(
        64,
        help="a log file is put aside at the end of its day (UTC), or when it has so many MB",
        metavar="MB",
        at_least=1,
    )
    log_files: int = flag(
        14, help="how many that were put aside are kept, as FILE.1 and so on", metavar="N",
        at_least=1,
    )  # fmt: skip


def configure(
    filename: str,
    *,
    logdir: Path | None,
    level: int = logging.INFO,
    kept: LogFlags = LogFlags(),
    lines: logging.Formatter | None = None,
    console: logging.Handler | None = None,
) -> None:
    """Send every record to standard error and to `logdir/filename`, of which as much is kept as
    `kept` says.

    `lines` writes each of them down; `console` stands in for standard error. `logdir` None writes
    no file. When standard error already is that very file (`controller >
    controller.log 2>&1`), lines are written once and nobody rotates what the shell holds open.
    """
    root = logging.getLogger()
    root.setLevel(level)
    for handler in _files(filename, logdir, kept):
        handler.setFormatter(lines or logging.Formatter(LINE, STAMP))
        root.addHandler(handler)
    if console is None:
        console = Console(sys.stderr)
        console.setFormatter(lines or logging.Formatter(LINE, STAMP))
    root.addHandler(console)
    logging.captureWarnings(True)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of its own inside


def _files(filename: str, logdir: Path | None, kept: LogFlags) -> list[logging.Handler]:
    if logdir is None:
        return []
    path = logdir / filename
    logdir.mkdir(parents=True, exist_ok=True)
    if _is_standard_error(path):
        return []
    path.open("a").close()  # say now that it cannot be written, not with every line
    return [DailyFile(path, size_bytes=kept.log_file_mb << 20, files=kept.log_files)]


class _Counting(logging.Handler):
    """Counts the lines that could not be written, and says so once: a full disk is no reason for a
    traceback a line."""

    lost = 0

    def handleError(self, record: logging.LogRecord) -> None:
        self.lost += 1
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)  # the line itself is at fault
        elif self.lost == 1:
            with suppress(OSError):
                sys.stderr.write(f"log lines are lost: {error.strerror} ({self.name or self})\n")


def lost_lines() -> int:
    """Of this process: those that a full or broken disk did not take."""
    return sum(one.lost for one in logging.getLogger().handlers if isinstance(one, _Counting))


class Console(_Counting, logging.StreamHandler):  # type: ignore[type-arg]  # of any stream
    """Standard error, which may be a file on a full disk, too."""


class DailyFile(_Counting, RotatingFileHandler):
    """Turned over when its day is over or its size is reached: the disk is not filled, however
    much is said."""

    def __init__(
        self,
        path: Path,
        *,
        size_bytes: int,
        files: int,
        today: Callable[[], str] = lambda: f"{datetime.now(UTC):%Y-%m-%d}",
    ) -> None:
        super().__init__(path, maxBytes=size_bytes, backupCount=files, encoding="utf-8")
        self._today = today
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        self._day = f"{changed:%Y-%m-%d}" if path.stat().st_size else today()

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        return self._today() != self._day or bool(super().shouldRollover(record))

    def doRollover(self) -> None:
        super().doRollover()
        self._day = self._today()


def _is_standard_error(path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(sys.stderr.fileno()), path.stat())
    except (OSError, ValueError):
        return False


def build_logger(logger_name: str, logger_filename: str) -> logging.Logger:
    """For scripts: a logger that writes to standard error and to `logger_filename` in LOGDIR."""
    if not logging.getLogger().handlers:
        logdir = environment().get("LOGDIR", ".")
        configure(logger_filename, logdir=Path(logdir) if logdir else None)
    return logging.getLogger(logger_name)


def pretty_print_semaphore(semaphore: asyncio.Semaphore | None) -> str:
    if semaphore is None:
        return "None"
    return f"Semaphore(value={semaphore._value}, locked={semaphore.locked()})"
