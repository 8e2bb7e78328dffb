"""Ctrl-C ends what is waited for, and nothing else."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Interrupted(Exception):
    """Somebody pressed Ctrl-C while this was waited for."""


class Interruption:
    def __init__(self) -> None:
        self._awaited: asyncio.Task[Any] | None = None
        self._pressed = False

    def press(self) -> None:
        if self._awaited is not None:
            self._pressed = True
            self._awaited.cancel()

    async def unless_pressed(self, work: Coroutine[Any, Any, T]) -> T:
        """Raises `Interrupted` when Ctrl-C comes before the work is done."""
        self._pressed = False
        task = asyncio.create_task(work)
        self._awaited = task
        try:
            return await task
        except asyncio.CancelledError:
            if self._pressed:
                raise Interrupted from None
            raise
        finally:
            self._awaited = None
