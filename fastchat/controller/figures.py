"""What a controller counts, and the list of workers that Prometheus asks for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec

from fastchat.core.errors import PlatformError
from fastchat.core.metrics import Count, Counter, Figures
from fastchat.protocol.cluster import WorkerEntry

Numbers = Mapping[tuple[str, ...], float]


@dataclass(slots=True)
class ControllerFigures:
    """Counts by worker last as long as the worker is remembered."""

    figures: Figures = field(default_factory=Figures)
    starts: Counter = field(init=False)
    lost: Count = field(init=False)
    left: Count = field(init=False)
    beats: Count = field(init=False)
    dispatches: Count = field(init=False)
    errors: Counter = field(init=False)

    def __post_init__(self) -> None:
        counter = self.figures.counter
        self.starts = counter(
            "controller_worker_starts",
            "Incarnations of each worker that registered; many in a short time are a crash loop.",
            "worker",
        )
        gone = counter("controller_workers_gone", "Workers that went, by how they did.", "how")
        self.lost, self.left = gone.of("lost"), gone.of("left")
        self.beats = counter("controller_heart_beats", "Heart-beats of known workers.").of()
        self.dispatches = counter(
            "controller_dispatches", "Choices of a worker, whoever made them."
        ).of()
        self.errors = self.figures.errors("controller_errors", "Errors answered, by code.")

    def failed(self, error: PlatformError) -> None:
        self.errors.of(str(error.code)).add()

    def show_table(
        self,
        *,
        workers: Callable[[], Numbers],
        models: Callable[[], Numbers],
        queues: Callable[[], Numbers],
        caches: Callable[[], Numbers],
        followers: Callable[[], int],
    ) -> None:
        gauge = self.figures.gauge
        gauge("controller_workers", "Workers registered, and lost lately.", workers, "state")
        gauge("controller_model_workers", "Workers of each model known lately.", models, "model")
        gauge("controller_worker_queue_length", "As each worker told it.", queues, "worker")
        gauge(
            "controller_worker_cache_usage_ratio",
            "How full the cache of keys and values is of each worker whose engine tells it.",
            caches,
            "worker",
        )
        gauge("controller_followers", "API servers and pages that follow the table.", followers)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """As Prometheus wants it of a service discovery over HTTP."""

    targets: tuple[str, ...]
    labels: dict[str, str]

    @classmethod
    def of(cls, entry: WorkerEntry, state: str) -> "Target":
        url = urlsplit(entry.address)
        return cls(
            targets=(url.netloc,),
            labels={
                "__scheme__": url.scheme,
                "__metrics_path__": f"{url.path.rstrip('/')}/metrics",
                "__meta_fastchat_models": ",".join(entry.model_names),
                "__meta_fastchat_state": state,
            },
        )
