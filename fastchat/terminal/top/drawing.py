"""The rows as tables, for terminals from 80 columns on."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fastchat.terminal.styles.text import visible
from fastchat.terminal.top.view import KeyRow, ModelRow, Totals, View, WorkerRow

R = TypeVar("R")

_COLOURS = {"ready": "green", "silent": "red", "held back": "red", "on trial": "yellow"}
MOST_KEYS = 10


class _Column(NamedTuple):
    title: str
    cell: Callable[..., str | Text]
    right: bool = True


_MODELS = (
    _Column("model", lambda row: visible(row.model), right=False),
    _Column("workers", lambda row: str(row.workers)),
    _Column("running", lambda row: running(row)),
    _Column("waiting", lambda row: whole(row.waiting)),
    _Column("req/s", lambda row: rate(row.requests_per_s)),
    _Column("err/s", lambda row: _alarming(row.errors_per_s)),
    _Column("tok/s", lambda row: rate(row.tokens_per_s)),
    _Column("first p50", lambda row: seconds(row.first_token_p50_s)),
    _Column("p95", lambda row: seconds(row.first_token_p95_s)),
)
_WORKERS = (
    _Column("worker", lambda row: visible(row.address.removeprefix("http://")), right=False),
    _Column(
        "state", lambda row: Text(row.state, style=_COLOURS.get(row.state, "dim")), right=False
    ),
    _Column("running", lambda row: running(row)),
    _Column("waiting", lambda row: whole(row.waiting)),
    _Column("tok/s", lambda row: rate(row.tokens_per_s)),
    _Column("cache", lambda row: "" if row.cache_usage is None else f"{row.cache_usage:.0%}"),
    _Column("models", lambda row: visible(", ".join(row.models)), right=False),
)
_KEYS = (
    _Column("key", lambda row: visible(row.key), right=False),
    _Column("req/s", lambda row: rate(row.requests_per_s)),
    _Column("tok/s", lambda row: rate(row.tokens_per_s)),
)


def draw(view: View) -> RenderableType:
    return Group(*_parts(view))


def running(row: ModelRow | WorkerRow) -> str:
    return whole(row.running) + ("" if row.slots is None else f"/{row.slots}")


def whole(number: int | None) -> str:
    return "" if number is None else str(number)


def rate(number: float | None) -> str:
    return "" if number is None else f"{number:.1f}"


def seconds(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number * 1e3:.0f} ms" if number < 1 else f"{number:.1f} s"


def said(totals: Totals) -> str:
    parts = [
        f"in flight {totals.in_flight}",
        f"requests {totals.requests_per_s:.1f}/s",
        f"retries {totals.retries_per_s:.1f}/s",
        f"migrations {totals.migrations_per_s:.1f}/s",
    ]
    errors = ", ".join(f"{code}: {each:.1f}/s" for code, each in totals.errors_per_s.items())
    return ", ".join([*parts, f"errors {errors or 'none'}"])


def _parts(view: View) -> Iterator[RenderableType]:
    if view.api is not None:
        style = "red" if view.api.errors_per_s else ""
        yield Text(said(view.api), style=style)
        yield ""
    yield _table(_MODELS, view.models)
    yield ""
    yield _table(_WORKERS, view.workers)
    if view.keys:
        yield ""
        yield _table(_KEYS, view.keys[:MOST_KEYS])
    for fault in view.faults:
        yield Text(visible(fault), style="red")


def _table(columns: Sequence[_Column], rows: Sequence[ModelRow | WorkerRow | KeyRow]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        header_style="bold",
        padding=(0, 0, 0, 1),
    )
    for at, column in enumerate(columns):
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            overflow="fold",
            no_wrap=0 < at < len(columns) - 1,
        )
    for row in rows:
        table.add_row(*(column.cell(row) for column in columns))
    return table


def _state(row: WorkerRow) -> Text:
    return Text(row.state, style=_COLOURS.get(row.state, "dim"))


def _alarming(number: float | None) -> Text:
    return Text(rate(number), style="red" if number else "")
