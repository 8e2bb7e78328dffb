"""How an answer looks, apart from what it says: its length and its Markdown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_HEADING = re.compile(r"^ {0,3}#{1,6}\s", re.MULTILINE)
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s", re.MULTILINE)
_BOLD = re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__")
_CODE = re.compile(r"^ {0,3}```.*?(?:^ {0,3}```|\Z)", re.MULTILINE | re.DOTALL)
# A word of letters, or one sign of a script that needs no blanks between words.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")

FEATURES = ("length", "headings", "lists", "bold")
ENOUGH_VOTES = 100


@dataclass(frozen=True, slots=True)
class Style:
    """Counts over all answers of one side: words, headings, list items, bold passages."""

    length: int = 0
    headings: int = 0
    lists: int = 0
    bold: int = 0


def style_of(answers: Sequence[str]) -> Style:
    """Code has a length, but what looks like Markdown in it is none."""
    whole = "\n".join(answers)
    prose = _CODE.sub("", whole)
    return Style(
        length=len(_WORD.findall(whole)),
        headings=len(_HEADING.findall(prose)),
        lists=len(_ITEM.findall(prose)),
        bold=len(_BOLD.findall(prose)),
    )


@dataclass(frozen=True, slots=True)
class Effect:
    """What one spread more of a feature is worth, in points, with its 95 % interval."""

    points: float
    lower: float
    upper: float
    votes: int

    @property
    def is_resolved(self) -> bool:
        """Few votes have intervals that promise too much, and one across zero says nothing."""
        return self.votes >= ENOUGH_VOTES and (self.lower > 0 or self.upper < 0)
