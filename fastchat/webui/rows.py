"""A conversation as the rows that the chat component shows: two a turn, question and answer."""

import re
from collections.abc import Sequence

from fastchat.webui.session import Turn
from fastchat.webui.texts import Words

Row = dict[str, object]

# Invisible, and no tag begins with it. The page's script takes it out of what is copied.
WORD_JOINER = "\u2060"

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
# Where `<` is no tag to Markdown either: fenced code, code in a line, formulas.
_VERBATIM = re.compile(
    r"(^[ \t>]*(`{3,}|~{3,})[^\n]*\n.*?(?:^[ \t>]*\2|\Z)"
    r"|(?<!`)(`+)(?!`).+?(?<!`)\3(?!`)"
    r"|\$\$.+?\$\$|\\\[.+?\\\]|\\\(.+?\\\))",
    re.DOTALL | re.MULTILINE,
)


def rows(turns: Sequence[Turn], words: Words) -> list[Row]:
    return [row for turn in turns for row in _rows(turn, words)]


def inert(text: str) -> str:
    """The same text to the eye, in which no HTML begins: what is said is shown, not obeyed."""
    shown, end = [], 0
    for verbatim in _VERBATIM.finditer(text):
        shown += [_TAG.sub(f"<{WORD_JOINER}", text[end : verbatim.start()]), verbatim[0]]
        end = verbatim.end()
    return "".join([*shown, _TAG.sub(f"<{WORD_JOINER}", text[end:])])


def written(text: str) -> str:
    """What a user wrote, when it was begun with what `inert` shows."""
    return text.replace(WORD_JOINER, "")


def turn_of(row: object) -> int:
    """The turn that a row belongs to; -1 for what a browser makes up."""
    while isinstance(row, list | tuple) and row:
        row = row[0]
    return row // 2 if isinstance(row, int) and row >= 0 else -1


def _rows(turn: Turn, words: Words) -> list[Row]:
    """No answer row before there is an answer: the component shows that it waits."""
    asked = _row("user", turn.question)
    parts = [turn.answer] if turn.answer else []
    if turn.fault is not None:
        parts.append(f"> ⚠️ {words.fault(turn.fault, turn.settings.model)}")
    return [asked, _row("assistant", "\n\n".join(parts))] if parts else [asked]


def _row(role: str, text: str) -> Row:
    # As a part and not as a plain string, whose indentation the component would take away.
    return {"role": role, "content": [{"type": "text", "text": inert(text)}]}
