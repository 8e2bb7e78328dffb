"""`fastchat COMMAND …`: every module of the folder `fastchat/serve` is a command."""

import argparse
import difflib
import importlib
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fastchat import __version__
from fastchat.serve import commands, summary


def main(argv: Sequence[str] | None = None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C during the imports: no traceback
    known = commands()
    parser = _parser(known)
    options = parser.parse_args(argv)
    if options.command is None:
        parser.print_help()
        return
    name = options.command.replace("-", "_")
    if name not in known:
        parser.error(_unknown(options.command, known))
    # The command reads its flags from the argument list, as it does under `python3 -m`.
    sys.argv = [f"fastchat {name}", *options.arguments]
    importlib.import_module(f"fastchat.serve.{name}").main()


def _parser(known: Mapping[str, Path]) -> argparse.ArgumentParser:
    width = max(map(len, known), default=0)
    rows = (f"  {name:<{width}}  {summary(path)}" for name, path in known.items())
    parser = argparse.ArgumentParser(
        prog="fastchat",
        usage="fastchat [-h] [--version] COMMAND ...",
        description="Serve large language models. `fastchat COMMAND --help` lists its flags.",
        epilog="\n".join(["commands:", *rows]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _unknown(command: str, known: Mapping[str, Path]) -> str:
    close = difflib.get_close_matches(command.replace("-", "_"), known, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"unknown command {command!r}{hint}: choose from {', '.join(known)}"


if __name__ == "__main__":
    main()
