"""Tokens a second through API server and worker beside the engine's own server, and the time added.

    make bench-engines
    bash benchmarks/vllm_on_gpu.sh

One process of the engine, asked directly and through the stack in turn; each ratio is of two
neighbouring rounds, so that a machine that slows down slows down both. A round takes about
`--round-s` seconds: how many tokens a stream has follows from a first round, which is not counted.
The stack is the wheel that `make wheel` builds, with the path of a request as machine code.
The first text of a single stream comes through two nginx as well: what two processes more cost on
this machine whatever they do. An engine's own time varies more than what is added to it, so that is
measured through a scripted engine as well. Streams are read chunk by chunk and checked for their
ends. Results are printed as they come. The last table kills an engine in the middle of a stream.
"""

import argparse
import platform
import sys
import tempfile
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.engines import deaths, firsts, passages, rates
from benchmarks.engines.sides import Sides, opened
from benchmarks.gateway.environments import own_environment
from benchmarks.gateway.gateways import ROOT
from benchmarks.gateway.machine import load_average
from benchmarks.transformers.models import SHAPES
from fastchat import __version__
from fastchat.core.config import cache_folder
from fastchat.engines.served import ROWS
from fastchat.model.weights import DEFAULT_MODEL

VLLM_CPU = "--enforce-eager --dtype bfloat16 --max-num-seqs 32"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engines",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--engines", nargs="*", default=["llama_server", "vllm"])
    parser.add_argument(
        "--vllm-shape", choices=SHAPES, help="instead of the small model: no weights"
    )
    parser.add_argument("--vllm-arguments", default=VLLM_CPU, help="words for vLLM")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--round-s", type=float, default=2.5)
    parser.add_argument("--streams", type=int, nargs="*", default=[1, 8, 32])
    parser.add_argument("--firsts", type=int, default=100, help="requests of one token, each way")
    parser.add_argument("--passages", type=int, default=300, help="requests, each way")
    parser.add_argument("--deaths", type=int, default=3)
    parser.add_argument(
        "--plain-python", action="store_true", help="the source as it stands, not the wheel"
    )
    args = parser.parse_args()
    console = Console(width=140)
    python = sys.executable
    if not args.plain_python:
        python = str(own_environment(ROOT, cache_folder(), console.print) / "bin" / "python")
    for name in args.engines:
        console.print(f"{ROWS[name].title} is being started")
        sys.stdout.flush()
        with (
            tempfile.TemporaryDirectory() as folder,
            opened(Path(folder), name, args, python) as sides,
        ):
            uvloop.run(_compare(name, sides, args, console))
    if args.passages:
        with tempfile.TemporaryDirectory() as folder:
            console.print(uvloop.run(passages.table(Path(folder), python, args.passages)))
    if args.deaths:
        console.print(deaths.table(args.deaths))


async def _compare(name: str, sides: Sides, args: argparse.Namespace, console: Console) -> None:
    table = Table(
        title=f"fastchat {__version__} in front of {ROWS[name].title}, "
        f"{args.vllm_shape if name == 'vllm' and args.vllm_shape else DEFAULT_MODEL}, "
        f"{args.rounds} rounds, {platform.machine()}, Python {platform.python_version()}"
        + (", not compiled" if args.plain_python else "")
    )
    for column in rates.COLUMNS:
        table.add_column(column, justify="right")
    before = load_average()
    async for cells in rates.rows(sides, args.streams, args.rounds, args.round_s):
        table.add_row(*cells)
        told = zip(rates.COLUMNS, cells, strict=True)
        console.print(", ".join(f"{column} {cell}" for column, cell in told))
        sys.stdout.flush()
    table.caption = f"load average {before} before, {load_average()} after"
    console.print(table)
    console.print(await firsts.table(sides, args.firsts))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
