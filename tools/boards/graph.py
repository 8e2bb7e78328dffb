"""A graph as a value, and the words that queries are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

MODEL, WORKER = '{model=~"$model"}', '{instance=~"$instance"}'


@dataclass(frozen=True, kw_only=True)
class Graph:
    """`queries` by what their lines are called."""

    title: str
    says: str
    unit: str
    queries: Mapping[str, str]


def rate(metric: str, where: str = "") -> str:
    return f"rate({metric}{where}[$__rate_interval])"


def total(metric: str, by: str = "", where: str = "") -> str:
    """In a second, of all that have the same labels `by`."""
    return f"sum by ({by}) ({rate(metric, where)})" if by else f"sum({rate(metric, where)})"


def in_an_hour(metric: str, by: str) -> dict[str, str]:
    return {_legend(by): f"sum by ({by}) (increase({metric}[1h]))"}


def quantiles(metric: str, by: str, where: str = "") -> dict[str, str]:
    """P50, P95 and P99 of a histogram."""
    buckets = total(f"{metric}_bucket", f"le, {by}", where)
    return {
        f"p{percent} {{{{{by}}}}}": f"histogram_quantile({percent / 100}, {buckets})"
        for percent in (50, 95, 99)
    }


def per_second(metric: str, by: str, where: str = "") -> dict[str, str]:
    return {_legend(by): total(metric, by, where)}


def part(metric: str, where: str, of: str) -> str:
    """In the last hour. Nothing, not zero, where there was none of either."""
    return f"sum(increase({metric}{where}[1h])) / sum(increase({of}[1h]))"


def lost(what: str) -> str:
    """Of each process, whichever kind it is."""
    return f'sum by (instance) (increase({{__name__=~"{what}_lost_total"}}[1h]))'


def _legend(by: str) -> str:
    return " ".join(f"{{{{{name.strip()}}}}}" for name in by.split(","))
