"""The rows as lines: for files and pipes, and as JSON for programs."""

from collections.abc import Iterator
from dataclasses import asdict

import msgspec

from fastchat.terminal.styles.text import visible
from fastchat.terminal.top.view import View


def plain(view: View, when: str) -> str:
    """One line a row: its time, its kind, then NAME=VALUE of all that is known."""
    return "\n".join(f"{when} {visible(line)}" for line in _lines(view))


def json(view: View, when: str) -> str:
    """One object in one line."""
    return msgspec.json.encode({"at": when, **asdict(view)}).decode()


def _lines(view: View) -> Iterator[str]:
    if view.api is not None:
        yield _line("api", asdict(view.api))
    yield from (_line("model", asdict(row)) for row in view.models)
    yield from (_line("worker", asdict(row)) for row in view.workers)
    yield from (_line("key", asdict(row)) for row in view.keys)
    yield from (f"fault {fault}" for fault in view.faults)


def _line(kind: str, told: dict[str, object]) -> str:
    pairs = (f"{name}={_word(value)}" for name, value in told.items() if value is not None)
    return " ".join([kind, *pairs])


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return ",".join(f"{name}:{_word(one)}" for name, one in value.items()) or "none"
    return str(value).replace(" ", "_")
