"""A chat with its flags, on this process's terminal."""

import asyncio
import os
import signal
import sys
import time
from dataclasses import dataclass
from uuid import uuid4

from fastchat.core.config import flag
from fastchat.core.errors import ConfigError
from fastchat.core.generation import Engine, Sampling
from fastchat.terminal.chat.commands import COMMANDS, Talk
from fastchat.terminal.chat.interruption import Interruption
from fastchat.terminal.chat.loop import ChatLoop
from fastchat.terminal.chat.partner import Partner
from fastchat.terminal.styles import STYLES, Terminal


@dataclass(frozen=True, kw_only=True)
class TalkFlags:
    """The flags of every chat in a terminal."""

    conv_system_msg: str | None = flag(
        None, help="system message, instead of the template's", metavar="TEXT"
    )
    temperature: float = flag(0.7, help="0 takes the most likely token", at_least=0)
    repetition_penalty: float = flag(
        1.0,
        help="above 1: say less again",
        names=("--repetition_penalty",),
        metavar="FACTOR",
        above=0,
    )
    max_new_tokens: int = flag(512, help="longest answer, in tokens", metavar="N", at_least=1)
    no_history: bool = flag(False, help="every question begins a new conversation")
    style: str = flag(
        "simple",
        help="simple: plain lines; rich: Markdown, editing and history; programmatic: for programs",
        choices=STYLES.names,
    )
    multiline: bool = flag(
        False, help="messages of several lines: Ctrl-D ends one (rich: Escape Enter begins a line)"
    )
    mouse: bool = flag(False, help="rich: place the cursor with the mouse")
    debug: bool = flag(False, help="show each prompt and the speed of its answer")

    def __post_init__(self) -> None:
        if self.mouse and self.style != "rich":
            raise ConfigError(f"--mouse has no meaning in the style {self.style}: add --style rich")
        if self.multiline and self.style == "programmatic":
            raise ConfigError(
                "--multiline has no meaning in the style programmatic, whose messages end in a "
                "marker: leave it out"
            )


def partner_for(engine: Engine, flags: TalkFlags, *, template: str | None = None) -> Partner:
    """Raises `ConfigError` for what the engine cannot honour."""
    partner = Partner(
        engine=engine,
        new_id=lambda: uuid4().hex,
        template=template,
        system_message=flags.conv_system_msg,
        sampling=Sampling(
            temperature=flags.temperature, repetition_penalty=flags.repetition_penalty
        ),
        max_tokens=flags.max_new_tokens,
    )
    partner.check()
    return partner


async def talk(partner: Partner, flags: TalkFlags) -> None:
    """Until the user leaves. Ctrl-C ends an answer, or the waiting for a question."""
    terminal = Terminal(
        stdin=0,
        out=sys.stdout,
        interactive=os.isatty(0) and sys.stdout.isatty(),
        multiline=flags.multiline,
        mouse=flags.mouse,
        words=tuple(COMMANDS),
    )
    loop = ChatLoop(
        talk=Talk(
            partner=partner,
            style=STYLES.load(flags.style)(terminal),
            conversation=partner.new_conversation(),
        ),
        clock=time.monotonic,
        interruption=Interruption(),
        history=not flags.no_history,
        debug=flags.debug,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, loop.interruption.press)
    await loop.run()
