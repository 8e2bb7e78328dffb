"""What the gateway costs, beside nginx and other gateways.

    make bench-gateway

Each gateway runs on one core, an upstream and a client that are far faster than any of them on
another. Every answer and every stream is checked to its end. Rounds are interleaved, and a ratio is
of two neighbours in one round; trust CPU more than the clock, and neither on a busy machine.
"fastchat" is the wheel that `make wheel` builds, "plain Python" the same source as it stands. All
are installed into environments of their own in the cache folder; nginx and a C compiler must be
there.
"""

import argparse
import os
import resource
import secrets
import shlex
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from benchmarks.gateway import report
from benchmarks.gateway.cores import this_machine
from benchmarks.gateway.gateways import OURS, PEERS, SOURCE
from benchmarks.gateway.machine import described, load_average
from benchmarks.gateway.programs import compiled
from benchmarks.gateway.rounds import Round, Rounds
from benchmarks.gateway.stage import Stage, staged
from fastchat.core.config import cache_folder

# The fewest whose whole range holds the median nine times in ten.
ROUNDS = 5
SECONDS = 3.0


def main() -> None:
    args = _arguments()
    if not sys.platform.startswith("linux"):
        raise SystemExit("error: this benchmark reads Linux's accounts of processes")
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    try:
        _bench(args)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _bench(args: argparse.Namespace) -> None:
    said = Console(stderr=True, highlight=False)
    cache = cache_folder()
    programs = compiled(cache)
    cores = this_machine()
    os.sched_setaffinity(0, cores.load)
    _allow_many_files()
    key = secrets.token_hex(16)
    surroundings = described(cores)
    with tempfile.TemporaryDirectory(prefix="bench-gateway-") as name:
        folder = Path(name)
        with staged(
            (OURS, *args.peers),
            programs.upstream,
            cores,
            folder,
            cache=cache,
            key=key,
            flags=args.server_flags,
            say=lambda text: said.print(escape(text)),
        ) as stage:
            rounds = Rounds(programs.client, cores, folder, key, args.seconds, args.seconds * 2)
            measured = _measure(rounds, stage, args.rounds, said)
    surroundings |= {
        "rounds": f"{args.rounds}, {args.seconds:g} s a scenario",
        "load average": f"{surroundings['load average']} before, {load_average()} after",
    }
    _print(measured, stage, rounds, surroundings)
    if args.json:
        _write(args.json, measured, stage, rounds, surroundings)


def _measure(rounds: Rounds, stage: Stage, count: int, said: Console) -> list[Round]:
    measured = []
    # No thread that draws: it would run beside the load.
    with Progress(console=said, auto_refresh=False, disable=not said.is_terminal) as progress:
        task = progress.add_task("", total=rounds.steps(stage.targets) * count)
        for number in range(1, count + 1):

            def show(what: str, number: int = number) -> None:
                progress.update(task, description=f"round {number} of {count}: {what}")
                progress.refresh()
                progress.advance(task)

            measured.append(rounds.measure(stage.targets, show))
            if not said.is_terminal:
                said.print(f"round {number} of {count} is done")
    return measured


def _print(
    measured: Sequence[Round],
    stage: Stage,
    rounds: Rounds,
    surroundings: dict[str, str],
) -> None:
    width = max(120, report.FIRST_COLUMN + report.COLUMN * len(stage.targets))
    console = Console(width=width, highlight=False)
    for name, value in surroundings.items():
        console.print(escape(f"{name}: {value}"))
    report.print_costs(console, measured, stage.targets)
    for ours in (OURS, SOURCE):
        if any(target.name == ours for target in stage.targets):
            report.print_marks(console, measured, ours)
    if len(measured) < ROUNDS:
        console.print(f"[yellow]Fewer than {ROUNDS} rounds are a glance, not a measurement.[/]")
    for name, reason in stage.not_run.items():
        console.print(f"[bold red]NOT RUN[/]: {escape(f'{name}: {reason}')}")
    for name, reason in rounds.broken.items():
        console.print(f"[bold red]NOT MEASURED[/]: {escape(f'{name}: {reason}')}")
    for name, reason in report.failures(measured).items():
        console.print(f"[bold red]FAILED ANSWERS[/]: {escape(f'{name}: first {reason}')}")


def _write(
    path: Path,
    measured: Sequence[Round],
    stage: Stage,
    rounds: Rounds,
    surroundings: dict[str, str],
) -> None:
    everything = {
        "surroundings": surroundings,
        "versions": {target.name: target.version for target in stage.targets if target.version},
        "not_run": stage.not_run,
        "not_measured": rounds.broken,
        "rounds": measured,
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(everything)))


def _allow_many_files() -> None:
    """The upstream has hundreds of connections to each gateway."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gateway",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help="about two minutes; shows that it works"
    )
    parser.add_argument("--peers", type=_peers, default=tuple(PEERS), help=", ".join(PEERS))
    parser.add_argument("--rounds", type=int, help=f"default: {ROUNDS}; 2 with --quick")
    parser.add_argument(
        "--seconds", type=float, help=f"of a scenario; default: {SECONDS:g}; 0.6 with --quick"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement there")
    parser.add_argument(
        "--server-flags",
        type=shlex.split,
        default=(),
        metavar="FLAGS",
        help="further flags of our API server, as one word: --server-flags='--drain-s 5'",
    )
    args = parser.parse_args()
    args.rounds = args.rounds or (2 if args.quick else ROUNDS)
    args.seconds = args.seconds or (0.6 if args.quick else SECONDS)
    if args.rounds < 1 or args.seconds < 0.1:
        parser.error("at least one round, and a tenth of a second a scenario")
    return args


def _peers(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]}: choose from {', '.join(PEERS)}")
    return names


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
