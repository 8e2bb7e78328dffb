"""What a judge said, read strictly: what is not plainly a verdict is none."""

import re
from collections.abc import Sequence
from typing import Literal

from fastchat.arena.battle import Winner

Verdict = Literal["left", "right", "tie"]

_VERDICT = re.compile(r"\[\[([ABC])\]\]")
_GRADE = re.compile(r"\[\[(10(?:\.0)?|[1-9](?:\.\d)?)\]\]")
_MARK = re.compile(r"\[\[[^\[\]]*\]\]")


def verdict(said: str, *, swapped: bool) -> Verdict | None:
    """In the battle's own order. None: the last line holds no verdict, or several."""
    found = _VERDICT.fullmatch(_last_mark(said))
    if found is None:
        return None
    shown: dict[str, Verdict] = {"A": "left", "B": "right", "C": "tie"}
    if swapped:
        shown |= {"A": "right", "B": "left"}
    return shown[found[1]]


def grade(said: str) -> float | None:
    found = _GRADE.fullmatch(_last_mark(said))
    return None if found is None else float(found[1])


def settled(straight: Verdict | None, swapped: Verdict | None) -> Verdict | None:
    """Both ways round: who wins only in one place has not won."""
    if straight is None or swapped is None:
        return None
    return straight if straight == swapped else "tie"


def kappa(pairs: Sequence[tuple[Verdict, Winner]]) -> float | None:
    """Cohen's: how far judge and voters agree beyond chance. None where chance explains all."""
    if not pairs:
        return None
    both = [(judged, _as_verdict(voted)) for judged, voted in pairs]
    agreed = sum(judged == voted for judged, voted in both) / len(both)
    by_chance = (
        sum(
            sum(judged == kind for judged, _ in both) * sum(voted == kind for _, voted in both)
            for kind in ("left", "right", "tie")
        )
        / len(both) ** 2
    )
    return None if by_chance == 1 else (agreed - by_chance) / (1 - by_chance)


def agreement(pairs: Sequence[tuple[Verdict, Winner]]) -> float | None:
    """The share of the same verdicts."""
    if not pairs:
        return None
    return sum(judged == _as_verdict(voted) for judged, voted in pairs) / len(pairs)


def _as_verdict(voted: Winner) -> Verdict:
    return voted if voted == "left" or voted == "right" else "tie"


def _last_mark(said: str) -> str:
    """The one mark of the last line that is not empty, around which nothing but emphasis stands."""
    lines = [line.strip().strip("*_`. ") for line in said.splitlines() if line.strip()]
    return lines[-1] if lines and _MARK.fullmatch(lines[-1]) else ""
