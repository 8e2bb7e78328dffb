"""What a server told on `/metrics`, and what became of it since it told last."""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[str, ...]
Sums = Mapping[Labels, float]


@dataclass(frozen=True, slots=True)
class Samples:
    """`--workers N` tells each figure N times: here they are one."""

    values: tuple[tuple[str, Mapping[str, str], float], ...] = ()

    @classmethod
    def of(cls, text: str) -> "Samples":
        """Raises ValueError."""
        return cls(tuple(_told(text)))

    def sums(self, name: str, *by: str) -> Sums:
        return self._joined(name, by, operator.add)

    def highest(self, name: str, *by: str) -> Sums:
        return self._joined(name, by, max)

    def _joined(self, name: str, by: Labels, join: Callable[[float, float], float]) -> Sums:
        found: dict[Labels, float] = {}
        for told, labels, value in self.values:
            if told == name:
                key = tuple(labels.get(label, "") for label in by)
                found[key] = join(found[key], value) if key in found else value
        return found


def _told(text: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """Between two readings of one server, `seconds` apart."""

    before: Samples
    now: Samples
    seconds: float

    def rates(self, name: str, *by: str) -> Sums:
        return {key: grown / self.seconds for key, grown in self._grown(name, by).items()}

    def quantiles(self, name: str, quantile: float, by: str) -> Mapping[str, float]:
        """Of a histogram, by one label. Whatever saw nothing new has none."""
        buckets: dict[str, list[tuple[float, float]]] = {}
        for (key, bound), grown in self._grown(f"{name}_bucket", (by, "le")).items():
            buckets.setdefault(key, []).append((float(bound), grown))
        found = {key: _quantile(sorted(some), quantile) for key, some in buckets.items()}
        return {key: value for key, value in found.items() if value is not None}

    def _grown(self, name: str, by: Labels) -> Sums:
        before = self.before.sums(name, *by)
        # A server that began anew counts from nothing.
        return {
            key: value - past if value >= (past := before.get(key, 0.0)) else value
            for key, value in self.now.sums(name, *by).items()
        }


def _quantile(buckets: list[tuple[float, float]], quantile: float) -> float | None:
    """As Prometheus estimates it: evenly within a bucket, and no more than the last bound."""
    rank = quantile * buckets[-1][1]
    if rank <= 0:
        return None
    low, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            if bound == float("inf"):
                return low
            return low + (bound - low) * (rank - below) / (count - below)
        low, below = bound, count
    return low
