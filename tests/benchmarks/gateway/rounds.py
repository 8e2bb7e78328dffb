"""Rounds as the client would have reported them."""

from benchmarks.gateway.rounds import Heard, Round, Run, Times


def run(*, cpu_s: float = 1.0, answered: int = 1000, p50: float = 100.0) -> Run:
    times = Times(p50=p50, p99=p50, max=p50)
    heard = Heard(
        asked=answered,
        answered=answered,
        chunks=answered * 10,
        reads=answered * 5,
        failures=0,
        cut=0,
        reconnects=0,
        elapsed_s=2.0,
        delivered=0.99,
        latency_us=times,
        first_us=times,
        relay_us=times,
        first_failure="",
    )
    return Run(heard=heard, cpu_s=cpu_s)


def one_round(**runs: Run) -> Round:
    """`nginx_c32=run(...)` is what nginx did in the scenario c32."""
    by_target: dict[str, dict[str, Run]] = {}
    for name, measured in runs.items():
        target, _, scenario = name.rpartition("_")
        by_target.setdefault(target, {})[scenario] = measured
    return Round(runs=by_target, peak_mb={"fastchat": 50.0})
