"""Plain lines: `USER: ` and what is typed after it, `ASSISTANT: ` and what is answered."""

import asyncio
from collections.abc import AsyncIterator

from fastchat.terminal.styles import Terminal
from fastchat.terminal.styles.source import Source
from fastchat.terminal.styles.text import Stripped, visible


class SimpleStyle:
    def __init__(self, terminal: Terminal) -> None:
        self._out = terminal.out
        self._multiline = terminal.multiline
        self._source = Source(terminal.stdin)

    async def ask(self, role: str) -> str:
        hint = " [ctrl-d/z on empty line to end]" if self._multiline else ""
        self._write(visible(f"{role}{hint}: "))
        try:
            line = await self._line()
        except (EOFError, asyncio.CancelledError):
            self._write("\n")
            raise
        return await self._more(line) if self._multiline else line

    async def stream(self, role: str, pieces: AsyncIterator[str]) -> None:
        self._write(visible(f"{role}: "))
        answer = Stripped()
        try:
            async for piece in pieces:
                self._write(visible(answer.push(piece)))
        finally:
            self._write("\n")

    def show(self, role: str, text: str) -> None:
        self.say(f"{role}: {text}")

    def say(self, text: str) -> None:
        self._write(visible(f"{text}\n"))

    async def _line(self) -> str:
        return (await self._source.through("\n")).removesuffix("\n").removesuffix("\r")

    async def _more(self, line: str) -> str:
        lines = [line.strip()]
        try:
            while True:
                lines.append(await self._line())
        except EOFError:
            return "\n".join(lines)

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
