"""How a chat looks, and where its questions come from: each style is one file."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TextIO

from fastchat.core.registry import Registry


@dataclass(frozen=True, kw_only=True, slots=True)
class Terminal:
    """`stdin` is a descriptor. `interactive`: a person sits at both ends. `words` complete."""

    stdin: int
    out: TextIO
    interactive: bool = False
    multiline: bool = False
    mouse: bool = False
    words: Sequence[str] = ()


class Style(Protocol):
    async def ask(self, role: str) -> str:
        """The next message of this role. Raises EOFError when nothing more will come."""
        ...

    async def stream(self, role: str, pieces: AsyncIterator[str]) -> None:
        """An answer as it comes. However it ends, what comes next begins a line."""
        ...

    def show(self, role: str, text: str) -> None:
        """What was said before."""
        ...

    def say(self, text: str) -> None:
        """A word of the program itself."""
        ...


STYLES: Registry[Callable[[Terminal], Style]] = Registry(
    "style",
    {
        "programmatic": "fastchat.terminal.styles.programmatic:ProgrammaticStyle",
        "rich": "fastchat.terminal.styles.rich:RichStyle",
        "simple": "fastchat.terminal.styles.simple:SimpleStyle",
    },
)

__all__ = ["STYLES", "Style", "Terminal"]
