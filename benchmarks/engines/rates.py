"""Tokens a second of many streams together, through the stack and beside it."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator

from benchmarks.engines.sides import Sides
from benchmarks.engines.streams import once
from benchmarks.spread import judge, spread

RATIO = 0.97
COLUMNS = (
    "streams",
    "tokens each",
    "engine tok/s",
    "stack tok/s",
    "ratio (spread)",
    f"at least {RATIO}",
)
# Tokens of one stream: of a round that only shows how fast it is, and what fits into its context.
FEWEST, MOST = 8, 400


async def rows(
    sides: Sides, counts: list[int], rounds: int, round_s: float
) -> AsyncIterator[tuple[str, ...]]:
    for count in counts:
        tokens = await _tokens_for(sides, count, round_s)
        pairs = [await _pair(sides, tokens, count, number) for number in range(rounds)]
        seen = spread([stack / engine for engine, stack in pairs])
        yield (
            str(count),
            str(tokens),
            f"{statistics.median(engine for engine, _ in pairs):.1f}",
            f"{statistics.median(stack for _, stack in pairs):.1f}",
            f"{seen.median:.3f} ({seen.low:.3f} - {seen.high:.3f})",
            judge(seen, RATIO, at_most=False),
        )


async def _tokens_for(sides: Sides, count: int, round_s: float) -> int:
    """Of each stream, so that a round takes so long; both sides are warm then. A short round is
    mostly prompts, so a longer one has the last word."""
    tokens = FEWEST
    for _ in range(2):
        await _round(sides.stack, tokens, count)
        rate = await _round(sides.engine, tokens, count)
        tokens = max(FEWEST, min(MOST, int(rate * round_s / count)))
    return tokens


async def _pair(sides: Sides, tokens: int, count: int, number: int) -> tuple[float, float]:
    """Of the engine and of the stack, which take turns to be the first."""
    ports = (sides.engine, sides.stack) if number % 2 == 0 else (sides.stack, sides.engine)
    rates = {port: await _round(port, tokens, count) for port in ports}
    return rates[sides.engine], rates[sides.stack]


async def _round(port: int, tokens: int, count: int) -> float:
    began = time.perf_counter()
    samples = await asyncio.gather(*(once(port, index, tokens) for index in range(count)))
    total = sum(sample.tokens for sample in samples)
    if total != tokens * count:
        raise SystemExit(f"{total} tokens came, not {tokens * count}: the streams are not whole")
    return total / (time.perf_counter() - began)
