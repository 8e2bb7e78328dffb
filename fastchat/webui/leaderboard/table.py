"""The board as a table of HTML. Names come from workers: they are text and nothing else."""

from collections.abc import Iterable, Iterator
from html import escape

from fastchat.arena.leaderboard import Leaderboard, Row
from fastchat.webui.texts import Words


def table(board: Leaderboard, words: Words) -> str:
    if not board.rows:
        return f'<p class="empty">{escape(words.board_empty)}</p>'
    heads = (
        *(words.col_rank, words.col_model, words.col_rating, words.col_interval),
        *(words.col_votes, words.col_wins),
    )
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "".join(_row(row, words) for row in board.rows)
    return f'<table class="board"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def summary(board: Leaderboard, words: Words) -> str:
    """How many votes, what was left out, and how much the first place hangs on."""
    parts = [words.board_votes.replace("{votes}", f"{board.votes:,}")]
    if board.left_out:
        reasons = ", ".join(
            f"{words.left_out.get(reason, reason)}: {count:,}"
            for reason, count in sorted(board.left_out.items())
        )
        parts.append(words.board_left_out.replace("{reasons}", reasons))
    if (flip := board.fragility) is not None:
        said = words.board_flip.replace("{votes}", f"{flip.votes:,}")
        parts.append(said.replace("{rival}", flip.rival))
    parts += _style(board, words)
    return "".join(f"<p>{escape(part)}</p>" for part in parts)


def _style(board: Leaderboard, words: Words) -> Iterator[str]:
    """What chance may have made is named, and no number is given to it."""
    told: dict[bool, list[str]] = {True: [], False: []}
    for feature, effect in board.effects.items():
        name = words.features.get(feature, feature)
        interval = f"{effect.points:+.0f} ({effect.lower:+.0f} \u2013 {effect.upper:+.0f})"
        told[effect.is_resolved].append(f"{name} {interval}" if effect.is_resolved else name)
    if told[True]:
        yield words.board_style.replace("{effects}", ", ".join(told[True]))
    if told[False]:
        yield words.board_style_unresolved.replace("{features}", ", ".join(told[False]))


def _row(row: Row, words: Words) -> str:
    cells = [
        _ranks(row, words),
        escape(row.model),
        "\u2013" if row.rating is None else f"{row.rating:.0f}",
        _interval(row),
        f"{row.votes:,}",
        f"{row.points / row.votes:.0%}" if row.votes else "\u2013",
    ]
    return f'<tr class="{row.standing}">{_cells(cells)}</tr>'


def _cells(cells: Iterable[str]) -> str:
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _ranks(row: Row, words: Words) -> str:
    if row.ranks is None:
        few = row.standing == "few_votes"
        return f'<span class="few">{escape(words.few_votes if few else words.unconnected)}</span>'
    best, worst = row.ranks
    return str(best) if best == worst else f"{best}\u2013{worst}"


def _interval(row: Row) -> str:
    if row.rating is None or row.lower is None or row.upper is None:
        return "\u2013"
    return f"+{row.upper - row.rating:.0f} / \u2212{row.rating - row.lower:.0f}"
