"""What of two answers is shown while they are written, so that speed does not betray a model."""

from fastchat.webui.pair.duel import Duel
from fastchat.webui.rows import Rendering, Row
from fastchat.webui.session import Session


def rows(
    duel: Duel, renderings: tuple[Rendering, Rendering], *, even: bool
) -> tuple[list[Row], list[Row]]:
    """`even`: neither side shows more than the slower one has; what is over waits for the other."""
    most = _shown(duel) if even and duel.is_busy else None
    left, right = (
        rendering.rows(side.turns, is_busy=duel.is_busy, most=most)
        for rendering, side in zip(renderings, duel.sides, strict=True)
    )
    return left, right


def _shown(duel: Duel) -> int:
    """Characters of the last answer that each side may show."""
    writing = [len(side.turns[-1].answer) for side in duel.sides if _writes(side)]
    return min(writing, default=0)


def _writes(side: Session) -> bool:
    return side.is_busy and bool(side.turns)
