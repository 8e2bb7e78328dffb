"""Figures for Prometheus. They stand in a registry that is passed in, and are kept without locks:
the event loop that counts is the one that is asked.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Metric,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from fastchat.core.codes import ErrorCode

CONTENT_TYPE = CONTENT_TYPE_LATEST
# Upper bounds, in seconds. 10 is among them, where the guide's alert on latency stands.
ANSWERS_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)
FIRST_TOKENS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 60)
TOKENS_S = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1)

Labels = tuple[str, ...]
Reading = Callable[[], float | Mapping[Labels, float]]


@dataclass(slots=True)
class Count:
    value: float = 0.0

    def add(self, more: float = 1) -> None:
        self.value += more


@dataclass(slots=True)
class Distribution:
    """How often a value was at most each of `bounds`."""

    bounds: Sequence[float]
    sum: float = 0.0
    counts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        names = [*(str(float(bound)) for bound in self.bounds), "+Inf"]
        return list(zip(names, accumulate(self.counts), strict=True))


@dataclass(slots=True)
class Counter:
    """One count for each combination of labels. Whoever adds one sees to it that there are few."""

    name: str
    help: str
    labels: Labels
    _counts: dict[Labels, Count] = field(default_factory=dict)

    def of(self, *labels: str) -> Count:
        return self._counts.setdefault(labels, Count())

    def forget(self, *labels: str) -> None:
        self._counts.pop(labels, None)

    def collect(self) -> Metric:
        family = CounterMetricFamily(self.name, self.help, labels=self.labels)
        for labels, count in self._counts.items():
            family.add_metric(labels, count.value)
        return family


@dataclass(slots=True)
class Histogram:
    name: str
    help: str
    labels: Labels
    bounds: Sequence[float]
    _distributions: dict[Labels, Distribution] = field(default_factory=dict)

    def of(self, *labels: str) -> Distribution:
        return self._distributions.setdefault(labels, Distribution(self.bounds))

    def collect(self) -> Metric:
        family = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        for labels, one in self._distributions.items():
            family.add_metric(labels, one.buckets(), one.sum)
        return family


@dataclass(slots=True)
class Gauge:
    """Read when it is asked for: one number, or one for each combination of labels. `rises` is for
    a number that somebody else counts."""

    name: str
    help: str
    labels: Labels
    read: Reading
    rises: bool = False

    def collect(self) -> Metric:
        kind = CounterMetricFamily if self.rises else GaugeMetricFamily
        family = kind(self.name, self.help, labels=self.labels)
        read = self.read()
        for labels, value in read.items() if isinstance(read, Mapping) else [((), read)]:
            family.add_metric(labels, value)
        return family


class Figures(Collector):
    """What one process counts."""

    def __init__(self) -> None:
        self._all: list[Counter | Histogram | Gauge] = []

    def counter(self, name: str, help: str, *labels: str) -> Counter:
        one = Counter(name, help, labels)
        self._all.append(one)
        return one

    def histogram(self, name: str, help: str, bounds: Sequence[float], *labels: str) -> Histogram:
        one = Histogram(name, help, labels, bounds)
        self._all.append(one)
        return one

    def gauge(self, name: str, help: str, read: Reading, *labels: str, rises: bool = False) -> None:
        self._all.append(Gauge(name, help, labels, read, rises))

    def errors(self, name: str, help: str) -> Counter:
        """With a count for every code from the start: `rate()` does not see the first error of a
        series that was not there before."""
        counter = self.counter(name, help, "error_code")
        for code in ErrorCode:
            counter.of(str(code.value))
        return counter

    def collect(self) -> Iterator[Metric]:
        for one in self._all:
            yield one.collect()


def registry(*collectors: Collector) -> CollectorRegistry:
    """What is told beside memory, CPU time and open files of the process."""
    told = CollectorRegistry()
    ProcessCollector(registry=told)
    for collector in collectors:
        told.register(collector)
    return told


def exposed(told: CollectorRegistry) -> bytes:
    """In the text format of Prometheus."""
    return generate_latest(told)


def together(parts: Mapping[str, Iterable[Metric]]) -> CollectorRegistry:
    """The metrics of several processes, each sample with the name of its process."""
    families: dict[str, Metric] = {}
    for process, metrics in parts.items():
        for metric in metrics:
            family = families.setdefault(
                metric.name, Metric(metric.name, metric.documentation, metric.type)
            )
            family.samples += [
                sample._replace(labels={**sample.labels, "process": process})
                for sample in metric.samples
            ]
    told = CollectorRegistry()
    told.register(_Collected(families.values()))
    return told


class _Collected(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics
