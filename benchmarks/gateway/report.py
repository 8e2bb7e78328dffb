"""One page: what each gateway costs, and how far ours is from its marks."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.gateway import figures
from benchmarks.gateway.figures import Value, figures_of
from benchmarks.gateway.rounds import Round
from benchmarks.gateway.stage import DIRECT, Target
from benchmarks.spread import Spread, judge

FIRST_COLUMN, COLUMN = 36, 19

ROWS: Sequence[tuple[str, str, Value, int]] = (
    ("c1: CPU us a request", "c1", figures.request_us, 1),
    ("c32: CPU us a request", "c32", figures.request_us, 1),
    ("c128: CPU us a request", "c128", figures.request_us, 1),
    ("200 KB, c8: CPU us a request", "large", figures.request_us, 0),
    ("burst: CPU us a chunk", "burst", figures.chunk_us, 2),
    ("flood: CPU us a chunk", "flood", figures.chunk_us, 2),
    ("paced: CPU us a chunk", "paced", figures.chunk_us, 2),
    ("c1: requests/s", "c1", figures.rate, 0),
    ("c32: requests/s", "c32", figures.rate, 0),
    ("c128: requests/s", "c128", figures.rate, 0),
    ("flood: delivered, %", "flood", figures.delivered, 2),
    ("flood: chunks a read", "flood", figures.chunks_a_read, 2),
)
# Against the upstream asked directly in the same round.
ADDED: Sequence[tuple[str, str, Value]] = (
    ("c1: latency, us", "c1", figures.latency),
    ("c32: latency, us", "c32", figures.latency),
    ("s1: first chunk, us", "s1", figures.first_chunk),
)


def print_costs(console: Console, rounds: Sequence[Round], targets: Sequence[Target]) -> None:
    table = Table(title="Medians of the rounds, and half of their spread", title_justify="left")
    table.add_column("")
    for target in targets:
        table.add_column(f"{target.name}\n{target.version}", justify="right")
    for label, scenario, value, digits in ROWS:
        takes = [figures.of(target.name, scenario, value) for target in targets]
        cells = [_measured(take, rounds, digits) for take in takes]
        if "CPU" in label:
            cells[0] = "-"  # the upstream's own CPU is not measured
        table.add_row(label, *cells)
    for label, scenario, value in ADDED:
        direct = figures.of(DIRECT, scenario, value)
        added = [
            figures.difference(figures.of(target.name, scenario, value), direct)
            for target in targets[1:]
        ]
        cells = [_measured(take, rounds, 0, "+") for take in added]
        table.add_row(f"{label} (+ added)", _measured(direct, rounds, 0), *cells)
    peaks = [figures.peak_mb(target.name) for target in targets]
    table.add_row("peak memory, MB", *(_measured(peak, rounds, 0) for peak in peaks))
    table.add_row("answers cut off by the clock", *(_sum(rounds, t, "cut") for t in targets))
    table.add_row("failed answers", *(_sum(rounds, t, "failures") for t in targets))
    console.print(table)


def print_marks(console: Console, rounds: Sequence[Round], ours: str) -> None:
    table = Table(title=f"Marks of {ours}", title_justify="left")
    for column in ("figure", "must", "aim", "measured (low - high)", "must is", "aim is"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for figure in figures_of(ours):
        seen = figures.over(rounds, figure.take)
        verdicts = [_verdict(seen, bound, figure.at_most) for bound in (figure.must, figure.aim)]
        bounds = [_bound(bound, figure.at_most) for bound in (figure.must, figure.aim)]
        table.add_row(figure.name, *bounds, _cell(seen, figure.digits), *verdicts)
    console.print(table)


def failures(rounds: Sequence[Round]) -> dict[str, str]:
    """The first failure of each gateway in each scenario."""
    found: dict[str, str] = {}
    for one in rounds:
        for target, runs in one.runs.items():
            for scenario, run in runs.items():
                if run.heard.failures:
                    found.setdefault(f"{target}, {scenario}", run.heard.first_failure)
    return found


def _measured(take: figures.Take, rounds: Sequence[Round], digits: int, sign: str = "") -> str:
    seen = figures.over(rounds, take)
    if seen is None:
        return "-"
    median = f"{seen.median:{sign},.{digits}f}"
    if seen.rounds == 1:
        return median
    return f"{median} ±{(seen.high - seen.low) / 2:,.{digits}f}"


def _cell(seen: Spread | None, digits: int) -> str:
    if seen is None:
        return "-"
    median = f"{seen.median:,.{digits}f}"
    if seen.rounds == 1:
        return median
    return f"{median} ({seen.low:,.{digits}f} - {seen.high:,.{digits}f})"


def _verdict(seen: Spread | None, bound: float | None, at_most: bool) -> str:
    if bound is None:
        return ""
    if seen is None:
        return "not measured"
    verdict = judge(seen, bound, at_most=at_most)
    colour = {"met": "green", "missed": "red", "not resolved": "yellow"}[verdict]
    return f"[{colour}]{verdict}[/{colour}]"


def _bound(bound: float | None, at_most: bool) -> str:
    return "" if bound is None else f"{'<=' if at_most else '>='} {bound:g}"


def _sum(rounds: Sequence[Round], target: Target, field: str) -> str:
    runs = [run for one in rounds for run in one.runs[target.name].values()]
    return str(sum(getattr(run.heard, field) for run in runs))
