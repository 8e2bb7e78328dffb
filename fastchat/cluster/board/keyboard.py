"""Single keys, without the Enter that a terminal usually waits for."""

import asyncio
import os
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


@contextmanager
def listening(keyboard: TextIO, pressed: Callable[[str], None]) -> Iterator[None]:
    """Ctrl-C goes on being a signal. The terminal is as before afterwards."""
    descriptor = keyboard.fileno()
    before = termios.tcgetattr(descriptor)
    single = termios.tcgetattr(descriptor)
    single[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(descriptor, termios.TCSADRAIN, single)
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, _read, descriptor, pressed)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        with suppress(termios.error):  # the terminal may be gone
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def is_ours(keyboard: TextIO) -> bool:
    """Whether this process may read it: one started with `&` would be stopped for trying."""
    try:
        return os.tcgetpgrp(keyboard.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


def _read(descriptor: int, pressed: Callable[[str], None]) -> None:
    try:
        keys = os.read(descriptor, 64)
    except OSError:
        keys = b""
    if not keys:  # it is gone, and would be ready to be read for ever
        asyncio.get_running_loop().remove_reader(descriptor)
    for key in keys.decode(errors="replace"):
        pressed(key)
