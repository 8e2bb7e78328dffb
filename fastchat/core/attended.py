"""An engine that tells its own load, or stands on something which may die and come back: a child, a
remote server."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineLoad:
    """By its own account. `cache_usage` is a share, from 0 to 1; None: it does not tell."""

    running: int = 0
    waiting: int = 0
    cache_usage: float | None = None


@runtime_checkable
class TellsLoad(Protocol):
    @property
    def load(self) -> EngineLoad: ...


@runtime_checkable
class Attended(TellsLoad, Protocol):
    """`attend` keeps it running until it is cancelled, and tells each time whether it would answer.
    Raises `ConfigError` when it ends before it was ever ready."""

    async def attend(self, tell: Callable[[bool], None]) -> None: ...

    @property
    def trouble(self) -> str:
        """Why it would not answer now; empty when it would."""
        ...
