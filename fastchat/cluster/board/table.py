"""Draws the rows: a table for terminals from 80 columns on."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fastchat.cluster.board.rows import Row

WIDE = 110
_BAR = 8
_COLOURS = {"ready": "green", "restarting": "red", "failed": "red", "starting": "yellow"}


class _Column(NamedTuple):
    title: str
    cell: Callable[[Row], str | Text]
    right: bool = False


_WIDE = (
    _Column("address", lambda row: row.address),
    _Column("models", lambda row: ", ".join(row.models)),
)
# A worker is found by its model, the others by their address.
_NARROW = (
    _Column(
        "model or address",
        lambda row: ", ".join(row.models) or row.address.removeprefix("http://"),
    ),
)


def draw(rows: Sequence[Row], *, width: int) -> RenderableType:
    columns = (*_common(rows), *(_WIDE if width >= WIDE else _NARROW))
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        header_style="bold",
        padding=(0, 0, 0, 1),
    )
    last = columns[-1]  # the one that gives way when the terminal is narrow
    for column in columns:
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            overflow="fold",
            no_wrap=column is not last,
        )
    for row in rows:
        table.add_row(*(column.cell(row) for column in columns))
    return Group(table, *(_note(row) for row in rows if row.note))


def _common(rows: Sequence[Row]) -> Iterator[_Column]:
    yield _Column("process", lambda row: row.process)
    yield _Column("state", _state)
    yield _Column("pid", lambda row: "" if row.pid is None else str(row.pid), right=True)
    if any(row.restarts for row in rows):
        yield _Column("runs", lambda row: str(row.restarts + 1), right=True)
    yield _Column("queue", _queue, right=True)
    yield _Column("tok/s", _speed, right=True)


def _state(row: Row) -> Text:
    return Text(_said(row), style=_COLOURS.get(row.state, "dim"))


def _said(row: Row) -> str:
    match row.state:
        case "restarting":
            return f"again in {row.next_start_s:.0f} s"
        case "starting" if row.loaded is not None:
            return f"{_bar(row.loaded)} {row.loaded:4.0%}"
        case "starting":
            return f"starting {row.since_s:.0f} s"
        case said:
            return said


def _bar(part: float) -> str:
    done = int(part * _BAR)
    return "━" * done + "┄" * (_BAR - done)


def _queue(row: Row) -> str:
    if row.requests is None:
        return ""
    return str(row.requests) if row.slots is None else f"{row.requests}/{row.slots}"


def _speed(row: Row) -> str:
    return "" if row.tokens_per_s is None else f"{row.tokens_per_s:.1f}"


def _note(row: Row) -> Text:
    return Text(f"{row.process}: {row.note}", style=_COLOURS.get(row.state, "dim"))
