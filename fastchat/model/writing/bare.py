"""Whether an answer that is growing is nothing but a call, written without marks."""

import re
from collections.abc import Collection
from typing import Literal

FENCE = "```"
_FENCES = ("```json", FENCE)


def bare_call(text: str, names: Collection[str]) -> int | Literal[False] | None:
    """Where its object begins; False when it is none; None as long as both may be.

    It is one when it is an object, perhaps behind a fence or in doubled braces, that begins with
    the name of a tool.
    """
    rest = text.lstrip()
    for fence in _FENCES:
        if rest.startswith(fence):
            rest = rest[len(fence) :].lstrip()
            break
        if fence.startswith(rest):
            return None
    start = len(text) - len(rest)
    squeezed = _single(_squeezed(rest))
    for name in names:
        for argued in ("arguments", "parameters"):
            wanted = f'{{"name":"{_squeezed(name)}","{argued}":'
            if squeezed.startswith(wanted):
                return start
            if wanted.startswith(squeezed):
                return None
    return False


def _single(text: str) -> str:
    return text[1:] if text.startswith("{{") else text


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)
