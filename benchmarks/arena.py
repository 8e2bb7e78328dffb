"""How long the leaderboard takes from 100,000 votes among 60 models, beside its limit of 2 s.

    make bench-arena

One thread. `rating` is the likelihood's maximum and its intervals alone; `whole board` has the
rules, the agreement of every voter, the matrix and the votes that carry the first place as well.
"""

import argparse
import os
import platform
import random
import statistics
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table as Grid

from fastchat import __version__
from fastchat.arena.leaderboard import Query, leaderboard
from fastchat.arena.ratings.bradley_terry import fit
from fastchat.arena.ratings.intervals import bootstrap, sandwich
from fastchat.arena.ratings.matches import matches
from tests.arena.votes import election

MODELS, VOTES, LIMIT_S = 60, 100_000, 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    rng = random.Random(1)
    strengths = {f"model-{n:02}": rng.gauss(0, 1) for n in range(MODELS)}
    ballots = election(strengths, VOTES, per_word=0.5)
    rows, styled = matches(ballots), matches(ballots, styled=True)
    cases: dict[str, Callable[[], object]] = {
        "rating, sandwich": lambda: sandwich(rows, fit(rows)),
        "rating, 100 x bootstrap": lambda: bootstrap(rows, fit(rows), random.Random(0)),
        "rating, style control": lambda: sandwich(styled, fit(styled)),
        "whole board": lambda: leaderboard(ballots, Query(), random.Random(0)),
        "whole board, bootstrap": lambda: leaderboard(
            ballots, Query(intervals="bootstrap"), random.Random(0)
        ),
        "whole board, style control": lambda: leaderboard(
            ballots, Query(style_control=True), random.Random(0)
        ),
    }
    grid = Grid(
        title=f"{VOTES:,} votes, {MODELS} models, {rounds} rounds; fastchat {__version__}, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores"
    )
    for column in ("case", "CPU s, median", "least", "most", "wall s, median", "CPU / limit"):
        grid.add_column(column, justify="left" if column == "case" else "right")
    for name, run in cases.items():
        cpu, wall = _measured(run, rounds)
        middle = statistics.median(cpu)
        figures = (middle, min(cpu), max(cpu), statistics.median(wall), middle / LIMIT_S)
        grid.add_row(name, *(f"{figure:.2f}" for figure in figures))
    Console(width=110).print(grid)


def _measured(run: Callable[[], object], rounds: int) -> tuple[list[float], list[float]]:
    cpu, wall = [], []
    for _ in range(rounds):
        began, clock = time.process_time(), time.perf_counter()
        run()
        cpu.append(time.process_time() - began)
        wall.append(time.perf_counter() - clock)
    return cpu, wall


if __name__ == "__main__":
    main()
