"""An answer taken apart while it grows: text, reasoning, calls. What may become a mark waits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from fastchat.core.generation import Chunk, ToolCallDelta, joined
from fastchat.core.stop_strings import beginning
from fastchat.model.writing.bare import FENCE, bare_call
from fastchat.model.writing.bodies import Body, Piece, Tools
from fastchat.model.writing.formats import Format

THINK = "<think>"
THOUGHT = "</think>"

Mode = Literal["start", "think", "text", "call", "end"]


@dataclass(kw_only=True, slots=True)
class Reader:
    """`tools` are those that may be called: without any, marks of calls are text. `thinks`: the
    model may reason first; `mode` is think where its prompt has begun that already."""

    format: Format
    tools: Tools
    thinks: bool
    parallel: bool
    new_id: Callable[[], str]
    mode: Mode = "start"
    calls: int = 0
    _held: str = ""
    _skips_blanks: bool = False
    _fenced: bool = False
    _body: Body | None = None

    def __post_init__(self) -> None:
        self._skips_blanks = self.mode == "think"

    @property
    def is_unreadable(self) -> bool:
        """A call was begun, and nobody can tell of what."""
        return self._body is not None and not self._body.readable

    def push(self, text: str) -> Chunk:
        self._held += text
        said = [Chunk()]
        while self.mode != "end" and self._step(said):
            pass
        return joined(said)

    def rest(self, *, cut: bool) -> Chunk:
        """What still waits when the answer is over; `cut`: it would have gone on. Then the
        beginning of a mark is no text."""
        held, self._held = self._held, ""
        if cut and self._may_be_mark(held):
            return Chunk()
        match self.mode:
            case "think":
                return Chunk(reasoning=held)
            case "start" | "text" if not self._fenced:
                return Chunk(text="" if self._skips_blanks and not held.strip() else held)
        return Chunk()

    def _may_be_mark(self, held: str) -> bool:
        if self.mode == "think":
            return beginning(THOUGHT, held) > 0
        if self.mode == "start" and (self._may_think(held) or self._bare(held) is not False):
            return True
        return bool(self.tools) and any(beginning(mark, held) for mark in self.format.marks)

    def _may_think(self, held: str) -> bool:
        return self.thinks and THINK.startswith(held.lstrip())

    def _step(self, said: list[Chunk]) -> bool:
        """Whether there may be more to do at once."""
        match self.mode:
            case "start":
                return self._start()
            case "think":
                return self._think(said)
            case "text":
                return self._text(said)
            case "call":
                return self._call(said)
        return False

    def _start(self) -> bool:
        held = self._held.lstrip()
        if self.thinks and held.startswith(THINK):
            self._held, self.mode = held.removeprefix(THINK), "think"
            self._skips_blanks = True
            return True
        if self._may_think(held):
            return False
        bare = self._bare(self._held)
        if bare is None:
            return False
        if bare is False:
            self.mode = "text"
        else:
            self._fenced = FENCE in self._held[:bare]
            self._open(self._held[bare:])
        return True

    def _bare(self, held: str) -> int | Literal[False] | None:
        if not (self.tools and self.format.bare):
            return False
        return bare_call(held, self.tools)

    def _think(self, said: list[Chunk]) -> bool:
        if self._skips_blanks:
            self._held = self._held.lstrip()
        thought, mark, rest = self._held.partition(THOUGHT)
        if not mark:
            thought = _shown(self._held, (THOUGHT,))
            rest = self._held[len(thought) :]
        self._held = rest
        if thought := thought.rstrip() if mark else thought:
            self._skips_blanks = False
            said.append(Chunk(reasoning=thought))
        if mark:
            self.mode, self._skips_blanks, self.thinks = "start", True, False
        return bool(mark)

    def _text(self, said: list[Chunk]) -> bool:
        marks = self.format.marks if self.tools else ()
        if self._skips_blanks:
            self._held = self._held.lstrip()
        if self._fenced:
            if len(self._held) < len(FENCE) and FENCE.startswith(self._held):
                return False
            self._held, self._fenced = self._held.removeprefix(FENCE).lstrip(), False
        found = _first(self._held, marks)
        if found is None:
            shown = _shown(self._held, marks) if marks else self._held
            self._say(said, shown)
            self._held = self._held[len(shown) :]
            return False
        start, mark = found
        self._say(said, self._held[:start].rstrip())
        behind = self._held[start + len(mark) :]
        self._skips_blanks = True
        if mark == self.format.opens:
            self._open(behind)
        else:
            self._held = behind
        return True

    def _say(self, said: list[Chunk], text: str) -> None:
        if text:
            self._skips_blanks = False
            said.append(Chunk(text=text))

    def _open(self, behind: str) -> None:
        self.mode, self._held = "call", behind
        self._body = self.format.body(self.tools)

    def _call(self, said: list[Chunk]) -> bool:
        assert self._body is not None
        pieces, self._held = self._body.push(self._held)
        said.append(Chunk(tool_calls=tuple(map(self._delta, pieces))))
        if not self._body.done:
            return False
        if not self.is_unreadable:
            self._body = None
        self.mode, self._skips_blanks = "text", True
        if not self.parallel and self.calls:
            self.mode, self._held = "end", ""
        return bool(self._held)

    def _delta(self, piece: Piece) -> ToolCallDelta:
        if not piece.name:
            return ToolCallDelta(index=self.calls - 1, arguments=piece.arguments)
        self.calls += 1
        return ToolCallDelta(index=self.calls - 1, id=self.new_id(), name=piece.name)


def _first(text: str, marks: Sequence[str]) -> tuple[int, str] | None:
    """The mark that comes first, and where."""
    found = [(text.find(mark), mark) for mark in marks if mark in text]
    return min(found, default=None)


def _shown(text: str, marks: Sequence[str]) -> str:
    """Without what may become a mark, and without the blanks before that."""
    held = max((beginning(mark, text) for mark in marks), default=0)
    return text[: len(text) - held].rstrip()
