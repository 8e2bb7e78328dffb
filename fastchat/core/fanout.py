"""Several generations of one request side by side, their chunks in the order they come."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from fastchat.core.generation import Chunk, GenerationRequest

Generate = Callable[[GenerationRequest], AsyncGenerator[Chunk, None]]


async def interleaved(
    generate: Generate, requests: Sequence[GenerationRequest]
) -> AsyncGenerator[tuple[int, Chunk], None]:
    """Chunks with the index of their request. The first failure ends all."""
    if len(requests) == 1:
        async with aclosing(generate(requests[0])) as chunks:
            async for chunk in chunks:
                yield 0, chunk
        return
    queue: asyncio.Queue[tuple[int, Chunk] | BaseException] = asyncio.Queue(maxsize=64)
    pumps = [
        asyncio.create_task(_pump(generate, request, index, queue))
        for index, request in enumerate(requests)
    ]
    try:
        unfinished = len(requests)
        while unfinished:
            item = await queue.get()
            if isinstance(item, BaseException):
                raise item
            unfinished -= item[1].finish_reason is not None
            yield item
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(
    generate: Generate,
    request: GenerationRequest,
    index: int,
    queue: "asyncio.Queue[tuple[int, Chunk] | BaseException]",
) -> None:
    try:
        async with aclosing(generate(request)) as chunks:
            async for chunk in chunks:
                await queue.put((index, chunk))
    except Exception as error:  # noqa: BLE001  # raised again by the reader
        await queue.put(error)
