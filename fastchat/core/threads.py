"""Blocking work beside an event loop that must be able to end before it does."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_daemon_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """Not in the loop's executor: Python waits for that one's threads before it ends."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done = work()
        except Exception as error:  # noqa: BLE001  # handed to whoever awaits it
            future.set_exception(error)
        else:
            future.set_result(done)

    threading.Thread(target=run, daemon=True).start()
    return asyncio.wrap_future(future)
