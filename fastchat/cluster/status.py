"""What a process is doing, as a value for whoever shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["waiting", "starting", "ready", "restarting", "failed", "stopping", "stopped"]

# Its first start is over, for better or worse.
SETTLED: frozenset[State] = frozenset(["ready", "restarting"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """`took_s` is the time it needed to become ready, `pause_s` the time until its next start."""

    process: str
    state: State
    pid: int | None = None
    restarts: int = 0
    reason: str = ""
    took_s: float = 0.0
    pause_s: float = 0.0


Observer = Callable[[Status], None]
