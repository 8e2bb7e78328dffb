"""Tables that other programs read: the leaderboard as CSV, votes in the known arena schema."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

from fastchat.arena.battle import BLIND, Ballot, Winner
from fastchat.arena.leaderboard import Leaderboard, Row

# As the cleaned battles of FastChat 0.2 have it.
WINNERS: Mapping[Winner, str] = {
    "left": "model_a",
    "right": "model_b",
    "tie": "tie",
    "both_bad": "tie (bothbad)",
}
LANGUAGES = {"english": "English", "chinese": "Chinese"}
COLUMNS = (
    *("rank_best", "rank_worst", "model", "rating", "rating_lower", "rating_upper"),
    *("votes", "points", "standing"),
)


def leaderboard_csv(board: Leaderboard) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(row) for row in board.rows)
    return text.getvalue()


def leaderboard_json(board: Leaderboard) -> str:
    flip = board.fragility
    return json.dumps(
        {
            "votes": board.votes,
            "left_out": dict(board.left_out),
            "left_share": board.left_share,
            "style_effects": {
                name: asdict(effect) | {"resolved": effect.is_resolved}
                for name, effect in board.effects.items()
            },
            "first_place_flips": flip and {"without_votes": flip.votes, "rival": flip.rival},
            "models": [dict(zip(COLUMNS, _cells(row), strict=True)) for row in board.rows],
            "matrix": {
                "models": board.matrix.models,
                "battles": board.matrix.battles.tolist(),
                "points": board.matrix.points.tolist(),
            },
        },
        indent=2,
    )


def votes_jsonl(ballots: Iterable[Ballot]) -> Iterator[str]:
    """One line a vote. Who voted is a number that means something in this export only."""
    judges: dict[str, int] = {}
    for ballot in ballots:
        who = ballot.voter or ballot.address
        judge = judges.setdefault(who, len(judges) + 1) if who else 0
        yield json.dumps(
            {
                "question_id": ballot.battle,
                "model_a": ballot.left,
                "model_b": ballot.right,
                "winner": WINNERS[ballot.winner],
                "judge": f"arena_user_{judge}",
                "anony": ballot.kind in BLIND,
                "language": _language(ballot),
                "tstamp": ballot.cast_s,
                "leaked": ballot.leaked,
                "categories": sorted(ballot.categories),
            }
        )


def _cells(row: Row) -> Sequence[object]:
    best, worst = row.ranks or (None, None)
    figures = [None if one is None else round(one, 2) for one in (row.rating, row.lower, row.upper)]
    return [best, worst, _plain(row.model), *figures, row.votes, row.points, row.standing]


def _plain(name: str) -> str:
    """A spreadsheet takes what begins so for a formula."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name


def _language(ballot: Ballot) -> str:
    names = [name for category, name in LANGUAGES.items() if category in ballot.categories]
    return names[0] if names else "unknown"
