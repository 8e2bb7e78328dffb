"""The lines of the logs that tell of one request, whichever way they are written."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

# What is longer is no line of ours.
_LONGEST = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """`when` reads like 2026-11-28 00:00:47, in the time of this machine."""

    when: str
    level: str
    source: str
    message: str


def files(folders: Iterable[Path]) -> list[Path]:
    """Every log in them, those put aside included, each once."""
    found = (path for folder in folders for path in folder.glob("*.log*"))
    return sorted({path.resolve() for path in found if path.is_file()})


def lines_of(id: str, paths: Iterable[Path]) -> list[Line]:
    """In the order of their times; one line that stands in two files is told once."""
    found = {line.when + line.message: line for path in paths for line in _in_file(id, path)}
    return sorted(found.values(), key=lambda line: line.when)


def _in_file(id: str, path: Path) -> Iterator[Line]:
    wanted, whole = id.encode(), re.compile(rf"request {re.escape(id)}:? ")
    try:
        with path.open("rb") as file:
            while text := file.readline(_LONGEST):
                line = _line(text.decode(errors="replace"), path) if wanted in text else None
                if line is not None and whole.match(line.message):
                    yield line
    except OSError:  # turned over just now, or not ours to read
        return


def _line(text: str, path: Path) -> Line | None:
    if text.startswith("{"):
        return _of_json(text, path)
    parts = text.rstrip().split(" | ", 3)
    if len(parts) < 4:
        return None
    when, level, _, message = parts
    return Line(when=when, level=level, source=path.name, message=message)


def _of_json(text: str, path: Path) -> Line | None:
    try:
        told = json.loads(text)
        when = datetime.fromtimestamp(float(told["timestamp"]), UTC).astimezone()
        return Line(
            when=f"{when:%Y-%m-%d %H:%M:%S}",
            level=str(told["level"]),
            source=path.name,
            message=str(told["message"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None
