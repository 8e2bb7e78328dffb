"""The rows of the table, as values: from what the supervisor knows and what was read just now."""

from collections.abc import Iterator
from dataclasses import dataclass

from fastchat.cluster.board.readings import Readings
from fastchat.cluster.state import PlatformState, ProcessState
from fastchat.cluster.status import State


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """`state` is "elsewhere" for a worker that somebody else started. `since_s` is the age of the
    state, `next_start_s` the rest of a pause, `loaded` the part of the weights in memory."""

    process: str
    state: State | str
    address: str
    pid: int | None = None
    restarts: int = 0
    since_s: float = 0.0
    next_start_s: float = 0.0
    loaded: float | None = None
    requests: int | None = None
    slots: int | None = None
    tokens_per_s: float | None = None
    models: tuple[str, ...] = ()
    note: str = ""


def rows(state: PlatformState, readings: Readings, *, now: float) -> tuple[Row, ...]:
    ours = (_row(process, readings, now) for process in state.processes)
    return (*ours, *_elsewhere(state, readings))


def _row(process: ProcessState, readings: Readings, now: float) -> Row:
    status, load = process.status, readings.loads.get(process.address)
    age_s = max(0.0, now - process.since)
    return Row(
        process=process.name,
        state=status.state,
        address=process.address,
        pid=status.pid,
        restarts=status.restarts,
        since_s=status.took_s + age_s if status.state == "starting" else age_s,
        next_start_s=max(0.0, status.pause_s - age_s),
        loaded=readings.loaded.get(process.name) if status.state == "starting" else None,
        requests=None if load is None else load.running + load.waiting,
        slots=None if load is None else load.slots,
        tokens_per_s=None if load is None else load.tokens_per_s,
        models=process.models,
        note=status.reason,
    )


def _elsewhere(state: PlatformState, readings: Readings) -> Iterator[Row]:
    ours = {process.address for process in state.processes}
    for entry in readings.table:
        if entry.address not in ours:
            yield Row(
                process="worker",
                state="elsewhere",
                address=entry.address,
                requests=int(entry.queue_length),
                models=entry.model_names,
            )
