"""Markdown as it grows; a line that can be edited, with history and completion."""

from collections.abc import AsyncIterator

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import create_output
from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown
from rich.text import Text

from fastchat.terminal.styles import Terminal
from fastchat.terminal.styles.source import Source
from fastchat.terminal.styles.text import visible

_REDRAWS_PER_S = 8


class RichStyle:
    def __init__(self, terminal: Terminal) -> None:
        self._console = Console(file=terminal.out, highlight=False)
        self._source = Source(terminal.stdin)
        self._session = _session(terminal) if terminal.interactive else None

    async def ask(self, role: str) -> str:
        self._heading(role)
        if self._session is None:
            text = await self._source.through("\n")
            return text.removesuffix("\n").removesuffix("\r")
        try:
            text = await self._session.prompt_async(handle_sigint=False)
        except KeyboardInterrupt:
            raise EOFError from None  # in a task of its own it would end the event loop
        self._console.print()
        return text

    async def stream(self, role: str, pieces: AsyncIterator[str]) -> None:
        self._heading(role)
        answer = _Growing()
        try:
            with Live(answer, console=self._console, refresh_per_second=_REDRAWS_PER_S):
                async for piece in pieces:
                    answer.text += visible(piece)
        finally:
            self._console.print()

    def show(self, role: str, text: str) -> None:
        self._heading(role)
        self._console.print(_markdown(visible(text)))
        self._console.print()

    def say(self, text: str) -> None:
        self._console.print(Text(visible(text)))

    def _heading(self, role: str) -> None:
        self._console.print(Text(visible(f"{role}:"), style="bold"))


class _Growing:
    """Parsed when it is drawn, not with every piece."""

    def __init__(self) -> None:
        self.text = ""

    def __rich__(self) -> Markdown:
        return _markdown(self.text)


def _markdown(text: str) -> Markdown:
    """Models mean a line end when they write one; Markdown wants two blanks before it."""
    lines = [line if line.startswith("```") else f"{line}  " for line in text.splitlines()]
    return Markdown("\n".join(lines))


def _session(terminal: Terminal) -> "PromptSession[str]":
    return PromptSession(
        output=create_output(terminal.out),
        completer=WordCompleter(list(terminal.words), sentence=True),
        auto_suggest=AutoSuggestFromHistory(),
        mouse_support=terminal.mouse,
        key_bindings=_line_ends() if terminal.multiline else None,
    )


def _line_ends() -> KeyBindings:
    """Escape and Enter, or Alt-Enter, begins a line inside the message."""
    bindings = KeyBindings()

    @bindings.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.app.current_buffer.newline()

    return bindings
