"""A line for whoever watches, at once."""

import sys

from fastchat.terminal.styles.text import visible


def say(line: str) -> None:
    sys.stdout.write(visible(line) + "\n")
    sys.stdout.flush()
