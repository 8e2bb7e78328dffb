"""The measured process gets cores of its own; everything else shares others."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cores:
    """`pair` is for gateways of two processes; two when there are four cores, else `gateway`."""

    gateway: tuple[int, ...]
    load: tuple[int, ...]
    pair: tuple[int, ...]


def pick(allowed: Sequence[int], siblings: Iterable[frozenset[int]]) -> Cores:
    """One hardware thread of each core, so that the two sides do not share execution units."""
    groups = list(siblings)
    chosen: list[int] = []
    for core in sorted(allowed):
        if not any(core in group and group & set(chosen) for group in groups):
            chosen.append(core)
    if len(chosen) < 2:
        chosen = sorted(allowed)
    if len(chosen) < 2:
        raise SystemExit("error: one core only: the gateway and the load need one each")
    first, load, *others = chosen
    pair = (first, others[0]) if len(others) >= 2 else (first,)
    return Cores(gateway=(first,), load=(load, *others[1:2]), pair=pair)


def this_machine() -> Cores:
    return pick(sorted(os.sched_getaffinity(0)), _siblings())


def _siblings() -> list[frozenset[int]]:
    lists = Path("/sys/devices/system/cpu").glob("cpu[0-9]*/topology/thread_siblings_list")
    return [frozenset(_cores(path.read_text())) for path in lists]


def _cores(text: str) -> Iterable[int]:
    """The numbers in `0-1,4`."""
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)
