"""Processes that share a port ask each other, by a socket in a folder that nobody else may look
into: one line there, and an answer until the end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

PATIENCE_S = 1.0


@asynccontextmanager
async def answering(path: Path, answer: Callable[[bytes], bytes]) -> AsyncIterator[None]:
    """Answer each line that is said at `path`, while the body runs."""

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # It left, or its line is too long.
            with contextlib.suppress(ConnectionError, ValueError):
                writer.write(answer(await reader.readline()))
                await writer.drain()
        finally:
            writer.close()

    path.unlink(missing_ok=True)  # noqa: ASYNC240  # of a predecessor, and in memory
    async with await asyncio.start_unix_server(hear, path):
        yield


async def asked(path: Path, line: bytes = b"") -> bytes:
    """Empty for one that is away, because it is started again, or too slow."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(line + b"\n")
                return await reader.read()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""
