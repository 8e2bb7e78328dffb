"""How much later the first text comes: through the stack, and through two hops of nginx, which do
nothing but pass bytes on."""

import statistics

from rich.table import Table

from benchmarks.engines.sides import Sides
from benchmarks.engines.streams import Caller
from benchmarks.spread import judge, spread

ADDED_MS = 0.5
WARM = 3
ENGINE, NGINX, STACK = "engine", "two nginx", "API server and worker"


async def table(sides: Sides, times: int) -> Table:
    told = Table(
        title=f"first text of one stream of one token on a kept connection, {times} times in turn"
    )
    for column in ("through", "ms", "ms added (spread)", f"{ADDED_MS} at most"):
        told.add_column(column, justify="right")
    ports = {ENGINE: sides.engine, NGINX: sides.nginx, STACK: sides.stack}
    took = await _took_ms({way: port for way, port in ports.items() if port is not None}, times)
    for way in ports:
        told.add_row(way, *(_row(took, way) if way in took else (sides.without_nginx,)))
    return told


async def _took_ms(ports: dict[str, int], times: int) -> dict[str, list[float]]:
    callers = {way: Caller(port) for way, port in ports.items()}
    for caller in callers.values():
        for _ in range(WARM):
            await caller.stream(0, 1)
    took = {way: list[float]() for way in callers}
    for number in range(times):
        ways = list(callers)
        first = number % len(ways)
        for way in ways[first:] + ways[:first]:
            took[way].append((await callers[way].stream(0, 1)).first_s * 1e3)
    for caller in callers.values():
        caller.close()
    return took


def _row(took: dict[str, list[float]], way: str) -> tuple[str, ...]:
    ms = f"{statistics.median(took[way]):.2f}"
    if way == ENGINE:
        return (ms,)
    seen = spread([later - alone for later, alone in zip(took[way], took[ENGINE], strict=True)])
    added = f"{seen.median:.2f} ({seen.low:.2f} - {seen.high:.2f})"
    return ms, added, judge(seen, ADDED_MS, at_most=True) if way == STACK else ""
