"""For programs at both ends: each message ends in a marker, each output begins with its role.

The bytes are those of FastChat 0.2.36; nothing is taken out of an answer.
"""

from collections.abc import AsyncIterator

from fastchat.terminal.styles import Terminal
from fastchat.terminal.styles.source import Source
from fastchat.terminal.styles.text import Stripped

END = " __END_OF_A_MESSAGE_47582648__\n"


class ProgrammaticStyle:
    def __init__(self, terminal: Terminal) -> None:
        self._out = terminal.out
        self._source = Source(terminal.stdin)

    async def ask(self, role: str) -> str:
        text = await self._source.through(END)
        if not text.endswith(END):
            raise EOFError
        message = text.removesuffix(END)
        self.show(role, message)
        return message

    async def stream(self, role: str, pieces: AsyncIterator[str]) -> None:
        self._write(f"[!OP:{role}]: ")
        answer = Stripped()
        try:
            async for piece in pieces:
                self._write(answer.push(piece))
        finally:
            self._write("\n")

    def show(self, role: str, text: str) -> None:
        self.say(f"[!OP:{role}]: {text}")

    def say(self, text: str) -> None:
        self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
