"""What a worker counts, under the names that dashboards and alerts know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from fastchat.core.attended import Attended, TellsLoad
from fastchat.core.errors import PlatformError
from fastchat.core.generation import NO_TOKENS, Usage
from fastchat.core.metrics import (
    ANSWERS_S,
    FIRST_TOKENS_S,
    TOKENS_S,
    Count,
    Counter,
    Distribution,
    Figures,
)
from fastchat.protocol.openai.rerank import PATHS as RERANK
from fastchat.worker.admission import Admission
from fastchat.worker.gpu import Gpus
from fastchat.worker.template import TemplateFacts

# A request to any of these is one that `worker_requests_total` counts.
COUNTED = frozenset(
    [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        *RERANK,
        "/worker_generate",
        "/worker_generate_stream",
        "/worker_get_embeddings",
    ]
)


@dataclass(slots=True)
class WorkerFigures:
    figures: Figures = field(default_factory=Figures)
    requests: Count = field(init=False)
    latency: Distribution = field(init=False)
    errors: Counter = field(init=False)
    first_token: Distribution = field(init=False)
    per_token: Distribution = field(init=False)
    prompt_tokens: Count = field(init=False)
    cached_tokens: Count = field(init=False)
    completion_tokens: Count = field(init=False)

    def __post_init__(self) -> None:
        counter, histogram = self.figures.counter, self.figures.histogram
        self.requests = counter("worker_requests", "Requests that came for an answer.").of()
        self.latency = histogram(
            "worker_request_latency_seconds", "From a request to the end of its answer.", ANSWERS_S
        ).of()
        self.errors = self.figures.errors("worker_errors", "Errors that were answered, by code.")
        self.first_token = histogram(
            "worker_time_to_first_token_seconds",
            "From a request, its wait for a slot included, to its first token.",
            FIRST_TOKENS_S,
        ).of()
        self.per_token = histogram(
            "worker_time_per_output_token_seconds",
            "The mean time between the tokens of an answer.",
            TOKENS_S,
        ).of()
        self.prompt_tokens = counter("worker_prompt_tokens", "Tokens of prompts.").of()
        self.cached_tokens = counter(
            "worker_cached_prompt_tokens", "Tokens of prompts that the engine had in its cache."
        ).of()
        self.completion_tokens = counter("worker_completion_tokens", "Tokens of answers.").of()

    def failed(self, error: PlatformError) -> None:
        self.errors.of(str(error.code)).add()

    def noting(self, render: Callable[[PlatformError], bytes]) -> Callable[[PlatformError], bytes]:
        """As `render`, for errors that no handler sees: those inside an answer."""

        def noted(error: PlatformError) -> bytes:
            self.failed(error)
            return render(error)

        return noted

    def show_load(self, admission: Admission) -> None:
        gauge = self.figures.gauge
        gauge(
            "worker_queue_length", "Requests running and waiting.", lambda: admission.queue_length
        )
        gauge("worker_requests_running", "Requests that have a slot.", lambda: admission.running)
        gauge("worker_requests_waiting", "Requests that wait for one.", lambda: admission.waiting)
        gauge("worker_slots", "Requests that may run at once.", lambda: admission.slots)

    def show_engine(self, engine: Attended) -> None:
        self.figures.gauge(
            "worker_engine_ready", "1 when the engine would answer.", lambda: not engine.trouble
        )

    def show_engine_load(self, engine: TellsLoad) -> None:
        """By its own account."""

        def cache() -> float | Mapping[tuple[str, ...], float]:
            told = engine.load.cache_usage
            return {} if told is None else told

        gauge = self.figures.gauge
        gauge("worker_engine_running", "Requests in the engine.", lambda: engine.load.running)
        gauge("worker_engine_waiting", "Those that wait there.", lambda: engine.load.waiting)
        gauge(
            "worker_engine_cache_usage_ratio",
            "How full its cache of keys and values is; absent when it does not tell.",
            cache,
        )

    def show_gpus(self, gpus: Gpus) -> None:
        gauge = self.figures.gauge
        gauge("worker_gpu_memory_mb", "Used memory of this worker's cards, in MiB.", gpus.used_mb)
        gauge("worker_gpu_memory_bytes", "Used memory of this worker's cards.", gpus.used_bytes)
        gauge("worker_gpu_memory_size_bytes", "Memory of this worker's cards.", gpus.total_bytes)
        gauge("worker_gpu_utilization_ratio", "How busy each card is.", gpus.utilization, "gpu")

    def show_identity(self, worker_id: str, models: tuple[str, ...], engine: str) -> None:
        told: Mapping[tuple[str, ...], float] = {
            (worker_id, model, engine): 1.0 for model in models
        }
        self.figures.gauge(
            "worker_info", "Who this is: always 1.", lambda: told, "worker_id", "model", "engine"
        )

    def show_template(self, facts: TemplateFacts) -> None:
        def told() -> Mapping[tuple[str, ...], float]:
            return {(facts.name, facts.digest): 1.0} if facts.name else {}

        self.figures.gauge(
            "worker_template_info",
            "The template that makes the prompts, and the hash of a sample dialogue: always 1.",
            told,
            "template",
            "hash",
        )


class Course:
    """Of one answer: its tokens as they come, and how long they took."""

    __slots__ = ("_clock", "_figures", "_first", "_last", "_usage", "came")

    def __init__(self, figures: WorkerFigures, clock: Callable[[], float]) -> None:
        self.came = clock()
        self._figures = figures
        self._clock = clock
        self._first: float | None = None
        self._last = 0.0
        self._usage = NO_TOKENS

    def fresh(self, usage: Usage) -> int:
        """The tokens that are new."""
        before, self._usage, self._last = self._usage, usage, self._clock()
        if self._first is None and usage.completion_tokens:
            self._first = self._last
            self._figures.first_token.observe(self._first - self.came)
        tokens = usage.completion_tokens - before.completion_tokens
        self._figures.completion_tokens.add(tokens)
        self._figures.prompt_tokens.add(usage.prompt_tokens - before.prompt_tokens)
        self._figures.cached_tokens.add(usage.cached_tokens - before.cached_tokens)
        return tokens

    def end(self) -> None:
        if self._first is not None and (further := self._usage.completion_tokens - 1) > 0:
            self._figures.per_token.observe((self._last - self._first) / further)


@dataclass(frozen=True, slots=True)
class Measured:
    """Counts requests for an answer and takes their time, whatever becomes of them."""

    app: ASGIApp
    figures: WorkerFigures
    clock: Callable[[], float]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in COUNTED:
            await self.app(scope, receive, send)
            return
        self.figures.requests.add()
        began = self.clock()
        try:
            await self.app(scope, receive, send)
        finally:
            self.figures.latency.observe(self.clock() - began)


@dataclass(frozen=True, slots=True)
class MetricsOnly:
    """A port of its own for Prometheus is no second door to the model."""

    app: ASGIApp
    port: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        elsewhere = scope["type"] != "http" or scope["server"][1] != self.port
        if elsewhere or scope["path"] == "/metrics":
            await self.app(scope, receive, send)
            return
        await PlainTextResponse("Here are /metrics only.\n", 404)(scope, receive, send)
