"""A conversation as the rows that the chat component shows: two a turn, question and answer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from fastchat.webui.session import Turn
from fastchat.webui.texts import Words

Row = dict[str, object]

# Invisible, and no tag begins with it. The page's script takes it out of what is copied.
WORD_JOINER = "\u2060"

# Where HTML would begin, and a diagram whose pictures the browser would fetch. In code as well:
# what is code, only the browser's own Markdown knows.
_LIVE = re.compile(r"<(?=[A-Za-z/!?])|```(?=mermaid)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rendering:
    """A conversation that is shown again and again: an answer that is over is rendered once.
    `alias` stands for the model's name where that is a secret."""

    words: Words
    alias: str | None = None
    _over: dict[int, tuple[Turn, list[Row]]] = field(default_factory=dict)

    def rows(self, turns: Sequence[Turn], *, is_busy: bool, most: int | None = None) -> list[Row]:
        """While `is_busy` the last turn is being answered; `most` characters of it are shown."""
        settled = len(turns) - is_busy
        return [
            *(row for turn in turns[:settled] for row in self._settled(turn)),
            *(row for turn in turns[settled:] for row in self._rows(turn, most, is_over=False)),
        ]

    def _settled(self, turn: Turn) -> list[Row]:
        known = self._over.get(id(turn))
        if known is None or known[0] is not turn:
            known = self._over[id(turn)] = turn, self._rows(turn, None, is_over=True)
        return known[1]

    def _rows(self, turn: Turn, most: int | None, *, is_over: bool) -> list[Row]:
        """No answer row before there is an answer: the component shows that it waits."""
        asked = _row("user", turn.question, turn.pictures)
        parts = [turn.answer[:most]] if turn.answer[:most] else []
        if turn.fault is not None:
            parts.append(f"> ⚠️ {self._fault(turn)}")
        elif is_over and turn.finish is None:
            parts.append(f"> ⏹️ {self.words.stopped}")
        return [asked, _row("assistant", "\n\n".join(parts))] if parts else [asked]

    def _fault(self, turn: Turn) -> str:
        assert turn.fault is not None
        model = turn.settings.model
        sentence = self.words.fault(turn.fault, model)
        return sentence if self.alias is None else sentence.replace(model, self.alias)


def inert(text: str) -> str:
    """The same text to the eye, in which no HTML begins: what is said is shown, not obeyed."""
    return _LIVE.sub(rf"\g<0>{WORD_JOINER}", text)


def written(text: str) -> str:
    """What a user wrote, when it was begun with what `inert` shows."""
    return text.replace(WORD_JOINER, "")


def turn_of(row: object) -> int:
    """The turn that a row belongs to; -1 for what a browser makes up."""
    while isinstance(row, list | tuple) and row:
        row = row[0]
    return row // 2 if isinstance(row, int) and row >= 0 else -1


def _row(role: str, text: str, pictures: Sequence[str] = ()) -> Row:
    # As a part and not as a plain string, whose indentation the component would take away.
    said = [{"type": "text", "text": inert(text)}] if text or not pictures else []
    return {"role": role, "content": [*_shown(pictures), *said]}


def _shown(pictures: Sequence[str]) -> list[Row]:
    """They were checked when they came, and once more they are text where they stand."""
    if not pictures:
        return []
    images = "".join(f'<img src="{escape(url)}" alt="">' for url in pictures)
    return [
        {
            "type": "component",
            "component": "html",
            "value": f'<div class="shown-pictures">{images}</div>',
            "constructor_args": {},
            "props": {},
        }
    ]
