"""Which request meets which fault: by a mark in its prompt, by its turn, or by chance."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from fastchat.core.errors import ConfigError

# What each does, and before which token of the answer unless it is told otherwise.
KINDS: Mapping[str, int] = {
    "cut": 3,  # the connection ends in the middle
    "stall": 3,  # nothing more comes, and no end
    "die": 3,  # the process kills itself
    "malformed": 3,  # bytes that are no event
    "http500": 0,  # the engine fails
    "oom": 0,  # the engine fails for want of memory: code 50002
    "slow": 0,  # a long time before the token
}
FINE = "ok"

# What the worker's HTTP side turns into a fault of the connection, which no engine can cause.
MARKS: Mapping[str, str] = {"cut": "\ue000cut\ue000", "malformed": "\ue000malformed\ue000"}

_IN_PROMPT = re.compile(rf"\[\[({'|'.join(KINDS)})(?: (\d{{1,6}}))?\]\]")


@dataclass(frozen=True, slots=True)
class Fault:
    """Strikes before token number `at`."""

    name: str
    at: int

    @classmethod
    def parse(cls, text: str) -> "Fault | None":
        """`stall` or `stall@5`; None for `ok`."""
        name, _, at = text.partition("@")
        if name == FINE and not at:
            return None
        if name not in KINDS or (at and not at.isdecimal()):
            known = ", ".join([*KINDS, FINE])
            raise ConfigError(f"unknown fault {text!r}: NAME or NAME@TOKEN, with a name of {known}")
        return cls(name, int(at) if at else KINDS[name])


@dataclass(slots=True)
class Faults:
    """A mark in the prompt, such as `[[stall]]` or `[[die 5]]`, comes before the schedule, which
    says what each request meets in turn, and that before chance. An answer that is continued met
    its fault before."""

    schedule: Sequence[Fault | None]
    chances: Sequence[tuple[Fault, float]]
    rng: Random
    _turn: int = 0

    @classmethod
    def parse(cls, rates: Sequence[str], schedule: Sequence[str], rng: Random) -> "Faults":
        """`rates` are words such as `cut:0.05` or `stall@5:0.01`. Raises `ConfigError`."""
        return cls([Fault.parse(word) for word in schedule], [_chance(word) for word in rates], rng)

    def next(self, prompt: str, *, continued: bool) -> Fault | None:
        """The fault of the next request."""
        if continued:
            return None
        marked = _IN_PROMPT.search(prompt)
        if marked is not None:
            name, at = marked.groups()
            return Fault(name, int(at) if at else KINDS[name])
        if self.schedule:
            self._turn += 1
            return self.schedule[(self._turn - 1) % len(self.schedule)]
        drawn = self.rng.random()
        for fault, share in self.chances:
            drawn -= share
            if drawn < 0:
                return fault
        return None


def _chance(word: str) -> tuple[Fault, float]:
    name, _, share = word.partition(":")
    fault = Fault.parse(name)
    try:
        rate = float(share or "1")
    except ValueError:
        rate = -1.0
    if fault is None or not 0 <= rate <= 1:
        raise ConfigError(f"--faults {word!r}: write NAME:SHARE, such as cut:0.05")
    return fault, rate
