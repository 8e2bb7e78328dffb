"""`fastchat arena`: the leaderboard from the votes, and the votes for other programs."""

import glob
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from fastchat.arena.battle import Ballot
from fastchat.arena.categories import CATEGORIES
from fastchat.arena.old_log import OldLog
from fastchat.core.config import flag
from fastchat.core.database import DatabaseFlags
from fastchat.core.errors import ConfigError, PlatformError
from fastchat.terminal.styles.text import visible

if TYPE_CHECKING:
    from rich.console import Console

    from fastchat.arena.leaderboard import Leaderboard, Query

ACTIONS = ("leaderboard", "export")
FORMATS = ("table", "csv", "json")
INTERVALS = ("sandwich", "bootstrap")


@dataclass(frozen=True, kw_only=True)
class ArenaCommand(DatabaseFlags):
    """Print the leaderboard, or export the votes, one JSON object a line.

    fastchat arena leaderboard [--style-control] [--category code] [--format csv]
    fastchat arena export > votes.jsonl
    fastchat arena leaderboard --logs '2023-*-conv.json'   (logs of FastChat 0.2, no database)
    """

    action: str = flag(
        "leaderboard", help="leaderboard or export", choices=lambda: ACTIONS, positional=True
    )
    logs: tuple[str, ...] = flag(
        (), help="read these conversation logs instead of the database", metavar="FILE"
    )
    format: str = flag("table", help="of the leaderboard", choices=lambda: FORMATS)
    category: str = flag("", help="only votes on: " + ", ".join(CATEGORIES), metavar="NAME")
    style_control: bool = flag(
        False, help="what is left when length and Markdown of both sides are alike"
    )
    without_ties: bool = flag(False, help="leave ties out, instead of half a win for each")
    intervals: str = flag("sandwich", help="how they are found", choices=lambda: INTERVALS)
    every_kind: bool = flag(
        False, help="count votes with the names in sight as well, not blind ones only"
    )
    enough: int = flag(30, help="votes that a model needs for a rank", metavar="N", at_least=1)


def arena(config: ArenaCommand, out: TextIO) -> None:
    try:
        from fastchat.arena.leaderboard import leaderboard
    except ImportError as error:
        raise ConfigError("the leaderboard needs an extra: pip install 'fschat[webui]'") from error
    ballots = list(_logged(config.logs)) if config.logs else _stored(config)
    if config.action == "export":
        _export(ballots, out)
        return
    try:
        board = leaderboard(ballots, _query(config), random.Random(0))
    except PlatformError as error:
        raise ConfigError(error.message) from None
    _print(board, config.format, out)


def _query(config: ArenaCommand) -> "Query":
    from fastchat.arena.integrity import Rules
    from fastchat.arena.leaderboard import Query

    return Query(
        category=config.category or None,
        ties="without" if config.without_ties else "half",
        style_control=config.style_control,
        intervals="bootstrap" if config.intervals == "bootstrap" else "sandwich",
        enough=config.enough,
        rules=Rules(blind_only=not config.every_kind),
    )


def _stored(config: ArenaCommand) -> list[Ballot]:
    from fastchat.storage import Database, votes

    database = Database.open(config.database.text)
    try:
        return list(database.read_now(votes.ballots)[0])
    except PlatformError as error:
        raise ConfigError(error.message) from None
    finally:
        database.close()


def _logged(patterns: tuple[str, ...]) -> Iterator[Ballot]:
    log = OldLog()
    for pattern in patterns:
        paths = sorted(glob.glob(pattern, recursive=True))
        if not paths:
            raise ConfigError(f"--logs {pattern}: no such file")
        for path in paths:
            try:
                with Path(path).open(encoding="utf-8", errors="replace") as lines:
                    yield from log.ballots(lines)
            except OSError as error:
                raise ConfigError(f"--logs {path}: {error.strerror}") from None
    if log.unreadable:
        sys.stderr.write(f"{log.unreadable} lines that should be votes could not be read\n")


def _export(ballots: list[Ballot], out: TextIO) -> None:
    from fastchat.arena.export import votes_jsonl

    for line in votes_jsonl(ballots):
        out.write(f"{line}\n")


def _print(board: "Leaderboard", how: str, out: TextIO) -> None:
    from fastchat.arena.export import leaderboard_csv, leaderboard_json

    if how == "csv":
        out.write(leaderboard_csv(board))
    elif how == "json":
        out.write(f"{leaderboard_json(board)}\n")
    else:
        _table(board, out)


def _table(board: "Leaderboard", out: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False)
    for name in ("rank", "model", "rating", "95 %", "votes", "won"):
        grid.add_column(name, justify="left" if name in ("rank", "model") else "right")
    standings = {"few_votes": "not enough votes", "unconnected": "no rating yet"}
    for row in board.rows:
        best, worst = row.ranks or (0, 0)
        rank = f"{best}-{worst}" if best != worst else str(best)
        rated = row.rating is not None and row.lower is not None and row.upper is not None
        grid.add_row(
            standings.get(row.standing, rank),
            Text(visible(row.model)),
            f"{row.rating:.0f}" if rated else "-",
            f"{row.lower:.0f} to {row.upper:.0f}" if rated else "-",
            str(row.votes),
            f"{row.points / row.votes:.0%}",
        )
    console = Console(file=out, highlight=False, width=None if out.isatty() else 120)
    console.print(grid if board.rows else "no votes yet")
    _notes(board, console)


def _notes(board: "Leaderboard", console: "Console") -> None:
    console.print(f"\n{board.votes} votes count", end="")
    left_out = ", ".join(f"{count} {reason}" for reason, count in sorted(board.left_out.items()))
    console.print(f"; left out: {left_out}" if left_out else "")
    if (flip := board.fragility) is not None:
        rival = visible(flip.rival)
        console.print(f"without {flip.votes} of them {rival} would be first", markup=False)
    for name, effect in board.effects.items():
        interval = f"{effect.points:+.0f} points ({effect.lower:+.0f} to {effect.upper:+.0f})"
        said = interval if effect.is_resolved else "too few votes to tell it from chance"
        console.print(f"style, {name}: {said}", markup=False)
