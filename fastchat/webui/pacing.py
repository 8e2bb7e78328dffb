"""News about a piece of work, a few times a second: each update of a page costs its server about
as much as ten tokens of a plain stream."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

EVERY_S = 0.2
# Whoever drives a page only notices between two updates that it was closed.
STILL_S = 1.0
# A question is shown together with the first words of its answer, if they come so soon.
FIRST_S = 0.1


async def paced(
    work: "asyncio.Task[None]",
    changed: asyncio.Event,
    every_s: float = EVERY_S,
    still_s: float = STILL_S,
) -> AsyncGenerator[None, None]:
    """Yields at the first change at once, or soon without one; then at most every `every_s`, but at
    least every `still_s`; ends with the work."""
    work.add_done_callback(lambda _: changed.set())
    patience_s = min(FIRST_S, still_s)
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), patience_s)
        patience_s = still_s
        changed.clear()
        if work.done():
            return
        yield
        await asyncio.wait({work}, timeout=every_s)
