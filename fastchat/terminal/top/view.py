"""The rows of the picture, as values: from two readings, one some seconds after the other."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from fastchat.protocol.cluster import WorkerEntry, WorkerLoad
from fastchat.terminal.top.reading import Reading
from fastchat.terminal.top.samples import Growth, Samples

WorkerState = Literal["ready", "held back", "on trial", "silent", "0.2.36"]

_BREAKERS: dict[float, WorkerState] = {1: "on trial", 2: "held back"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRow:
    """Numbers a second are those of the API server, but for the tokens: workers tell those as they
    are made, the API server when an answer has ended. None is what nobody told."""

    model: str
    workers: int
    running: int | None
    waiting: int | None
    slots: int | None
    requests_per_s: float | None
    errors_per_s: float | None
    tokens_per_s: float | None
    first_token_p50_s: float | None
    first_token_p95_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerRow:
    """A worker of 0.2.36 tells its queue only, which then stands as `running`."""

    address: str
    models: tuple[str, ...]
    state: WorkerState
    running: int | None
    waiting: int | None
    slots: int | None
    tokens_per_s: float | None
    cache_usage: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRow:
    key: str
    requests_per_s: float
    tokens_per_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """Of the API server; `errors_per_s` by code, of those that occurred."""

    in_flight: int
    requests_per_s: float
    retries_per_s: float
    migrations_per_s: float
    errors_per_s: dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    models: tuple[ModelRow, ...]
    workers: tuple[WorkerRow, ...]
    keys: tuple[KeyRow, ...]
    api: Totals | None
    faults: tuple[str, ...]


def view(before: Reading, now: Reading) -> View:
    growth = _growth(before, now)
    return View(
        models=tuple(_models(now, growth)),
        workers=tuple(_workers(now)),
        keys=() if growth is None else tuple(_keys(growth)),
        api=None if growth is None else _totals(growth),
        faults=now.faults,
    )


def _growth(before: Reading, now: Reading) -> Growth | None:
    if before.samples is None or now.samples is None or now.at <= before.at:
        return None
    return Growth(before=before.samples, now=now.samples, seconds=now.at - before.at)


def _models(now: Reading, growth: Growth | None) -> Iterator[ModelRow]:
    table = now.table or ()
    growth = growth or Growth(before=Samples(), now=Samples(), seconds=1)
    rates = growth.rates("gateway_requests_total", "model")
    failures = _failures(growth)
    tokens = growth.rates("gateway_completion_tokens_total", "model")
    median = growth.quantiles("gateway_time_to_first_token_seconds", 0.5, "model")
    high = growth.quantiles("gateway_time_to_first_token_seconds", 0.95, "model")
    served = {name for entry in table for name in entry.model_names}
    asked = {model for (model,), rate in rates.items() if rate}
    for model in sorted(served | asked):
        entries = [entry for entry in table if model in entry.model_names]
        loads = [now.loads[one.address] for one in entries if one.address in now.loads]
        yield ModelRow(
            model=model or "(refused unread)",
            workers=len(entries),
            running=_sum(load.running for load in loads),
            waiting=_sum(load.waiting for load in loads),
            slots=_sum(load.slots for load in loads),
            requests_per_s=rates.get((model,)),
            errors_per_s=failures.get(model),
            tokens_per_s=sum(one.tokens_per_s for one in loads) if loads else tokens.get((model,)),
            first_token_p50_s=median.get(model),
            first_token_p95_s=high.get(model),
        )


def _failures(growth: Growth) -> dict[str, float]:
    """By model. That a client left (499) is no error."""
    found: dict[str, float] = {}
    for (model, status), rate in growth.rates("gateway_requests_total", "model", "status").items():
        is_error = status >= "400" and status != "499"
        found[model] = found.get(model, 0.0) + (rate if is_error else 0.0)
    return found


def _workers(now: Reading) -> Iterator[WorkerRow]:
    breakers = (now.samples or Samples()).highest("gateway_worker_breaker_state", "worker")
    for entry in sorted(now.table or (), key=lambda entry: entry.address):
        load = now.loads.get(entry.address)
        yield WorkerRow(
            address=entry.address,
            models=entry.model_names,
            state=_state(entry, load, breakers.get((entry.address,), 0)),
            running=_running(entry, load),
            waiting=None if load is None else load.waiting,
            slots=None if load is None else load.slots,
            tokens_per_s=None if load is None else load.tokens_per_s,
            cache_usage=None if load is None else load.cache_usage,
        )


def _state(entry: WorkerEntry, load: WorkerLoad | None, breaker: float) -> WorkerState:
    if load is None and entry.dialects:
        return "silent"
    return _BREAKERS.get(breaker, "ready" if entry.dialects else "0.2.36")


def _running(entry: WorkerEntry, load: WorkerLoad | None) -> int | None:
    if load is not None:
        return load.running
    return None if entry.dialects else int(entry.queue_length)


def _keys(growth: Growth) -> Iterator[KeyRow]:
    """Who asks most comes first; without keys there is nobody to tell of."""
    prompts = growth.rates("gateway_prompt_tokens_total", "key")
    answers = growth.rates("gateway_completion_tokens_total", "key")
    rows = [
        KeyRow(
            key=key,
            requests_per_s=rate,
            tokens_per_s=prompts.get((key,), 0.0) + answers.get((key,), 0.0),
        )
        for (key,), rate in growth.rates("gateway_requests_total", "key").items()
        if key
    ]
    yield from sorted(rows, key=lambda row: (-row.tokens_per_s, -row.requests_per_s, row.key))


def _totals(growth: Growth) -> Totals:
    def rate(name: str) -> float:
        return growth.rates(name).get((), 0.0)

    errors = growth.rates("gateway_errors_total", "error_code")
    return Totals(
        in_flight=int(growth.now.sums("gateway_requests_in_flight").get((), 0)),
        requests_per_s=rate("gateway_requests_total"),
        retries_per_s=rate("gateway_retries_total"),
        migrations_per_s=rate("gateway_migrations_total"),
        errors_per_s={code: value for (code,), value in sorted(errors.items()) if value},
    )


def _sum(numbers: Iterable[int]) -> int | None:
    listed = list(numbers)
    return sum(listed) if listed else None
