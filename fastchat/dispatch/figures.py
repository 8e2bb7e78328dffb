"""What a process that dispatches knows of the workers, for Prometheus."""

from collections.abc import Mapping

from fastchat.core.metrics import Figures
from fastchat.dispatch.following import Following
from fastchat.dispatch.table import Table

Numbers = Mapping[tuple[str, ...], float]
CLOSED, ON_TRIAL, OPEN = 0.0, 1.0, 2.0


def show_table(figures: Figures, prefix: str, table: Table, following: Following) -> None:
    gauge = figures.gauge
    gauge(
        f"{prefix}_table_age_seconds",
        "Since the controller last spoke of its workers; it does so every five seconds.",
        following.age_s,
    )
    gauge(
        f"{prefix}_model_workers",
        "Workers of each model; 0 for a model whose last worker went lately.",
        lambda: {(model,): count for model, count in table.census().items()},
        "model",
    )
    gauge(
        f"{prefix}_worker_in_flight",
        "Requests of this process that a worker has.",
        lambda: {(row.entry.address,): row.in_flight for row in table.rows()},
        "worker",
    )
    gauge(
        f"{prefix}_worker_breaker_state",
        "0: in use; 1: gets one request on trial; 2: left alone for a while.",
        lambda: _breakers(table),
        "worker",
    )


def _breakers(table: Table) -> Numbers:
    now = table.clock()
    return {
        (row.entry.address,): (
            CLOSED
            if row.breaker.is_closed
            else ON_TRIAL
            if row.breaker.on_trial or row.breaker.lets_in(now)
            else OPEN
        )
        for row in table.rows()
    }
