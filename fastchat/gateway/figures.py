"""What a gateway counts. A request costs it about a microsecond: its series are found once, by one
look into a dictionary, and have no locks.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from fastchat.core.codes import ErrorCode
from fastchat.core.errors import PlatformError
from fastchat.core.metrics import (
    ANSWERS_S,
    FIRST_TOKENS_S,
    TOKENS_S,
    Count,
    Counter,
    Distribution,
    Figures,
    Histogram,
)
from fastchat.gateway.passage import Passage
from fastchat.providers.prices import Price, Prices, price_of

# A client can name any model: only those that somebody serves have series of their own.
UNKNOWN = "unknown"
MOST_MODELS = 1000
_CODES = frozenset(code.value for code in ErrorCode)


@dataclass(frozen=True, slots=True)
class _Series:
    """What requests of one kind add to."""

    requests: Count
    prompt_tokens: Count
    cached_tokens: Count
    completion_tokens: Count
    duration: Distribution
    first_token: Distribution
    per_token: Distribution
    retries: Count
    migrations: Count
    spend: Count
    price: Price | None


@dataclass(slots=True)
class GatewayFigures:
    """`serves` says whether somebody answers for a model now."""

    serves: Callable[[str], bool]
    prices: Prices = field(default_factory=dict)
    figures: Figures = field(default_factory=Figures)
    errors: Counter = field(init=False)
    _requests: Counter = field(init=False)
    _prompt_tokens: Counter = field(init=False)
    _cached_tokens: Counter = field(init=False)
    _completion_tokens: Counter = field(init=False)
    _retries: Counter = field(init=False)
    _migrations: Counter = field(init=False)
    _spend: Counter = field(init=False)
    _duration: Histogram = field(init=False)
    _first_token: Histogram = field(init=False)
    _per_token: Histogram = field(init=False)
    _models: set[str] = field(default_factory=set)
    _series: dict[tuple[str, str, str | None, int], _Series] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counter, histogram = self.figures.counter, self.figures.histogram
        self.errors = self.figures.errors("gateway_errors", "Errors that were answered, by code.")
        self._requests = counter(
            "gateway_requests",
            "Requests for an answer, by the status that was said last; 499: the client left.",
            *("path", "model", "key", "status"),
        )
        payer = ("model", "key")
        self._prompt_tokens = counter("gateway_prompt_tokens", "Tokens of prompts.", *payer)
        self._cached_tokens = counter(
            "gateway_cached_prompt_tokens", "Those that the engine had in its cache.", *payer
        )
        self._completion_tokens = counter("gateway_completion_tokens", "Tokens of answers.", *payer)
        self._spend = counter(
            "gateway_spend_dollars",
            "What answers of models with a price cost, whoever served them.",
            *payer,
        )
        self._retries = counter(
            "gateway_retries", "Requests asked anew before their answer began.", "model"
        )
        self._migrations = counter(
            "gateway_migrations", "Streams that went on at another worker.", "model"
        )
        self._duration = histogram(
            "gateway_request_duration_seconds",
            "From a request to the end of its answer.",
            ANSWERS_S,
            "model",
        )
        self._first_token = histogram(
            "gateway_time_to_first_token_seconds",
            "From a request to the first bytes of its stream.",
            FIRST_TOKENS_S,
            "model",
        )
        self._per_token = histogram(
            "gateway_time_per_output_token_seconds",
            "The mean time between the tokens of a stream.",
            TOKENS_S,
            "model",
        )

    def account(self, passage: Passage) -> None:
        kind = (passage.path, passage.model, passage.key, passage.status)
        series = self._series.get(kind)
        if series is None:
            series = self._found(passage)
        series.requests.value += 1
        series.duration.observe(passage.total_s)
        if passage.error_code is not None:
            self._failed(passage.error_code)
        if passage.tries > 1:
            series.retries.value += passage.retries
            series.migrations.value += passage.migrations
        first_s, counts = passage.first_byte_s, passage.counts
        if counts is not None:
            series.prompt_tokens.value += counts.prompt_tokens
            series.cached_tokens.value += counts.cached_tokens
            series.completion_tokens.value += counts.completion_tokens
            if series.price is not None:
                series.spend.value += series.price.microdollars(counts) / 1e6
        if passage.stream and first_s is not None:
            series.first_token.observe(first_s)
            if counts is not None and counts.completion_tokens > 1:
                further = counts.completion_tokens - 1
                series.per_token.observe((passage.total_s - first_s) / further)

    def failed(self, error: PlatformError) -> None:
        """Of a route that forwards nothing."""
        self._failed(error.code)

    def show(self, *, in_flight: Callable[[], int], held_back: Callable[[], int]) -> None:
        self.figures.gauge("gateway_requests_in_flight", "Requests under way.", in_flight)
        self.figures.gauge(
            "gateway_retries_held_back",
            "How often a retry had to wait, or was not made, because the retry budget was spent.",
            held_back,
            rises=True,
        )

    def _failed(self, code: int) -> None:
        self.errors.of(str(code) if code in _CODES else "other").value += 1

    def _found(self, passage: Passage) -> _Series:
        model, key = self._label(passage), passage.key or ""
        price = price_of(self.prices, model)
        series = _Series(
            requests=self._requests.of(passage.path, model, key, str(passage.status)),
            prompt_tokens=self._prompt_tokens.of(model, key),
            cached_tokens=self._cached_tokens.of(model, key),
            completion_tokens=self._completion_tokens.of(model, key),
            duration=self._duration.of(model),
            first_token=self._first_token.of(model),
            per_token=self._per_token.of(model),
            retries=self._retries.of(model),
            migrations=self._migrations.of(model),
            spend=Count() if price is None else self._spend.of(model, key),
            price=price,
        )
        if model == passage.model:
            self._series[passage.path, model, passage.key, passage.status] = series
        return series

    def _label(self, passage: Passage) -> str:
        model = passage.model
        if not model or model in self._models:
            return model
        is_served = bool(passage.worker) or self.serves(model)
        if not is_served or len(self._models) >= MOST_MODELS:
            return UNKNOWN
        self._models.add(model)
        return model
