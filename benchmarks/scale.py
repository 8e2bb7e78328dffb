"""How long requests wait under each dispatch policy, and what one dispatch costs.

    make bench-scale

The first tables are simulated: real tables and policies, workers in simulated time. The last one is
measured: choosing among 1, 10 and 1,000 workers, with the request counted in flight and out again,
and what it costs the gateway to count one request for Prometheus.
"""

import argparse
import platform
import statistics
import time
from random import Random

from rich.console import Console
from rich.table import Table as Grid

from fastchat import __version__
from fastchat.core.generation import Usage
from fastchat.dispatch import POLICIES, Table
from fastchat.gateway.figures import GatewayFigures
from fastchat.gateway.passage import Passage
from fastchat.protocol.cluster import WorkerEntry
from tests.dispatch.simulation import MODEL, SCENARIOS, Scenario, simulate

SIZES = (1, 10, 1000)
BODY = b'{"model": "m", "messages": [{"role": "user", "content": "%s"}]}' % (b"word " * 400)

STREAM = Passage(
    id="id",
    path="/v1/chat/completions",
    key="team",
    model=MODEL,
    stream=True,
    status=200,
    error_code=None,
    worker="http://w",
    tries=1,
    migrations=0,
    first_byte_s=0.05,
    total_s=2.5,
    at_worker="",
    counts=Usage(prompt_tokens=700, completion_tokens=110),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="simulated runs of each policy")
    parser.add_argument("--rounds", type=int, default=9, help="measured rounds of each cost")
    args = parser.parse_args()
    console = Console(width=130)
    for scenario in SCENARIOS:
        console.print(_waiting(scenario, args.seeds))
    console.print(_costs(args.rounds))
    took = [_accounting_us() for _ in range(args.rounds)]
    console.print(
        f"One stream counted for Prometheus: {statistics.median(took):.2f} µs, median of "
        f"{args.rounds} rounds ({min(took):.2f}-{max(took):.2f})"
    )


def _waiting(scenario: Scenario, seeds: int) -> Grid:
    grid = Grid(
        title=f"{scenario.name}: {len(scenario.workers)} workers, {scenario.busy:.0%} busy, "
        f"{scenario.count} requests, mean of {seeds} runs; waiting in units of the mean work"
    )
    grid.add_column("policy")
    for column in ("p50", "p95", "p99", "imbalance", "prompts reused"):
        grid.add_column(column, justify="right")
    for policy in POLICIES:
        runs = [simulate(scenario, policy, seed) for seed in range(seeds)]
        waits = [statistics.fmean(run.percentile(p) for run in runs) for p in (50, 95, 99)]
        imbalance = statistics.fmean(run.imbalance(scenario.workers) for run in runs)
        reused = statistics.fmean(run.reused for run in runs) / scenario.count
        grid.add_row(
            policy,
            *(f"{wait:.2f}" for wait in waits),
            f"{imbalance:.2f}",
            f"{reused:.0%}" if scenario.topics else "-",
        )
    return grid


def _costs(rounds: int) -> Grid:
    grid = Grid(
        title=f"fastchat {__version__}: µs for one dispatch, median of {rounds} rounds (best), "
        f"{platform.machine()}, Python {platform.python_version()}"
    )
    grid.add_column("policy")
    for size in SIZES:
        grid.add_column(f"{size} workers: choose", justify="right")
        grid.add_column("and hold", justify="right")
    for policy in POLICIES:
        cells = []
        for size in SIZES:
            for hold in (False, True):
                took = [_cost_us(policy, size, hold=hold) for _ in range(rounds)]
                cells.append(f"{statistics.median(took):.1f} ({min(took):.1f})")
        grid.add_row(policy, *cells)
    return grid


def _cost_us(policy: str, size: int, *, hold: bool) -> float:
    table = Table(time.monotonic, Random(1), policy)
    for number in range(size):
        address = f"http://10.0.{number // 256}.{number % 256}:31000"
        table.put(WorkerEntry(address=address, model_names=(MODEL,), epoch=1))
    question = table.question(session="somebody", body=BODY)
    count = 200_000 // (10 + size)
    began = time.perf_counter()
    for _ in range(count):
        lease = table.choose(MODEL, question=question)
        if hold:
            with table.hold(lease):
                pass
    return (time.perf_counter() - began) / count * 1e6


def _accounting_us(count: int = 100_000) -> float:
    figures = GatewayFigures(lambda _: True)
    began = time.perf_counter()
    for _ in range(count):
        figures.account(STREAM)
    return (time.perf_counter() - began) / count * 1e6


if __name__ == "__main__":
    main()
