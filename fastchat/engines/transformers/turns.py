"""Long work in short steps, in one thread: whoever comes waits for one step, not for all."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fastchat.core.errors import EngineFailed, PlatformError
from fastchat.engines.transformers.failures import error_of, free_memory

T = TypeVar("T")


class Turns:
    """A job is an iterator; what it yields is a step's part of the result. Jobs take turns."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._closed = False

    async def run(self, job: Iterator[Sequence[T]]) -> list[T]:
        """All that the job yields. A job whose reader leaves ends with the step that runs."""
        loop = asyncio.get_running_loop()
        found: list[T] = []
        while True:
            if self._closed:
                raise EngineFailed("The engine is closed.")
            part = await loop.run_in_executor(self._thread, _step, job)
            if part is None:
                return found
            found.extend(part)

    async def aclose(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)


def _step(job: Iterator[Sequence[T]]) -> Sequence[T] | None:
    try:
        return next(job, None)
    except PlatformError:
        raise
    except Exception as error:
        free_memory()
        raise error_of(error) from error
