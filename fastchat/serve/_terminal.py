"""What all commands do that talk to a person and then end."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from fastchat.core import config as configuration
from fastchat.core.errors import ConfigError
from fastchat.serve._run import begin, fail

C = TypeVar("C")


@contextmanager
def terminal(config: type[C], command: str) -> Iterator[C]:
    """The flags. What the block raises for the user becomes a sentence; a closed pipe is no fault.

    Whatever cannot be written in the terminal's encoding is replaced.
    """
    flags = begin(config, command)
    for name in configuration.exposed_secrets(config, sys.argv):
        sys.stderr.write(f"warning: {name}: other users of this machine can read command lines\n")
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a TextIOWrapper
    try:
        yield flags
        sys.stdout.flush()
    except ConfigError as error:
        fail(error)
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    except BrokenPipeError:
        # Python flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def run(work: Coroutine[Any, Any, None]) -> None:
    """On an event loop that ends cleanly when the process is told to end."""
    with suppress(asyncio.CancelledError):
        asyncio.run(_until_told(work))
        return
    raise SystemExit(128 + signal.SIGTERM)


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task
