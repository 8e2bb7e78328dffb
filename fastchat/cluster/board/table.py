"""Draws the rows: a table for terminals from 80 columns on."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fastchat.cluster.board.rows import Row

WIDE = 110
_COLOURS = {"ready": "green", "restarting": "red", "failed": "red", "starting": "yellow"}


class _Column(NamedTuple):
    title: str
    cell: Callable[[Row], str | Text]
    right: bool = False


def draw(rows: Sequence[Row], *, width: int) -> RenderableType:
    columns = _wide() if width >= WIDE else _narrow()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", expand=False)
    for column in columns:
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            overflow="ellipsis",
            no_wrap=True,
        )
    for row in rows:
        table.add_row(*(column.cell(row) for column in columns))
    return Group(table, *(_note(row) for row in rows if row.note))


def _wide() -> tuple[_Column, ...]:
    return (
        *_common(),
        _Column("address", lambda row: row.address),
        _Column("models", lambda row: ", ".join(row.models)),
    )


def _narrow() -> tuple[_Column, ...]:
    """One column less: a worker is found by its model, the others by their address."""
    return (
        *_common(),
        _Column("model or address", lambda row: ", ".join(row.models) or _short(row.address)),
    )


def _common() -> tuple[_Column, ...]:
    return (
        _Column("process", lambda row: row.process),
        _Column("state", _state),
        _Column("pid", lambda row: "" if row.pid is None else str(row.pid), right=True),
        _Column("starts", lambda row: str(row.restarts + 1) if row.restarts else "", right=True),
        _Column("queue", _queue, right=True),
        _Column("tokens/s", _speed, right=True),
    )


def _state(row: Row) -> Text:
    return Text(_said(row), style=_COLOURS.get(row.state, "dim"))


def _said(row: Row) -> str:
    match row.state:
        case "restarting":
            return f"again in {row.next_start_s:.0f} s"
        case "starting" if row.loaded is not None:
            return f"loading {row.loaded:.0%}"
        case "starting":
            return f"starting {row.since_s:.0f} s"
        case said:
            return said


def _queue(row: Row) -> str:
    if row.requests is None:
        return ""
    return str(row.requests) if row.slots is None else f"{row.requests}/{row.slots}"


def _speed(row: Row) -> str:
    return "" if row.tokens_per_s is None else f"{row.tokens_per_s:.1f}"


def _short(address: str) -> str:
    return address.removeprefix("http://")


def _note(row: Row) -> Text:
    return Text(f"{row.process} {row.note}", style=_COLOURS.get(row.state, "dim"))
