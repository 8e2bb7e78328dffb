"""Who asks, and what they may: decided from memory, within a microsecond or two."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastchat.core.board import FindPlace, Place
from fastchat.core.errors import InvalidKey, NoPermission, QuotaExceeded, RateLimited
from fastchat.gateway.allowance import Allowance

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Rate:
    """As nginx counts it: `burst` requests may come early, beside the one whose turn it is."""

    per_s: float
    burst: int


class Bucket:
    """One number says it all: when the next request would be due if they came evenly. Processes
    that share a port have it in common, from the first request on (`find_place`)."""

    __slots__ = ("_allowance_s", "_find_place", "_found", "_interval_s", "rate")

    def __init__(self, rate: Rate, find_place: Callable[[], Place] = Place) -> None:
        self.rate = rate
        self._interval_s = 1 / rate.per_s
        self._allowance_s = rate.burst * self._interval_s
        self._find_place = find_place
        self._found: Place | None = None

    @property
    def _place(self) -> Place:
        if self._found is None:
            self._found = self._find_place()
        return self._found

    def take(self, now: float) -> float:
        """0 when it may pass; otherwise how many seconds it is too early."""
        place = self._place
        with place.lock:
            due_at = max(place.numbers[0], now)
            early_s = due_at - now - self._allowance_s
            if early_s > 1e-9:
                return early_s
            place.numbers[0] = due_at + self._interval_s
            return 0.0

    def leave(self) -> None:
        """Nobody asks by it any more."""
        if self._found is not None:
            self._found.leave()

    def headers(self, now: float) -> Sequence[Header]:
        """As OpenAI tells it."""
        waiting_s = max(0.0, self._place.numbers[0] - now)
        left = self.rate.burst + 1 - math.ceil(waiting_s / self._interval_s - 1e-9)
        return (
            (b"x-ratelimit-limit-requests", b"%d" % (self.rate.burst + 1)),
            (b"x-ratelimit-remaining-requests", b"%d" % max(0, left)),
            (b"x-ratelimit-reset-requests", b"%.3fs" % waiting_s),
        )


def bucket_of(name: str, rate: Rate | None, find_place: FindPlace) -> Bucket | None:
    return None if rate is None else Bucket(rate, lambda: find_place(name))


@dataclass(slots=True, eq=False)
class Caller:
    """A key as the gate sees it. `name` may be logged; `id` is empty for a key that is stored
    nowhere. `expires_at` is a wall-clock time."""

    name: str
    id: str = ""
    models: frozenset[str] | None = None
    expires_at: float = math.inf
    allowance: Allowance | None = None
    bucket: Bucket | None = None

    @property
    def owner(self) -> str:
        """Whose requests are whose: the same in every process."""
        return f"{self.id}/{self.name}"

    def admit(self, clock: Callable[[], float], wall_clock: Callable[[], float]) -> None:
        """Raises the error that refuses the request."""
        if self.expires_at != math.inf and wall_clock() >= self.expires_at:
            raise InvalidKey("This API key has expired.")
        if self.allowance is not None and self.allowance.left <= 0:
            raise QuotaExceeded(
                f"The key {self.name!r} has used all of its {self.allowance.budget} tokens."
            )
        if self.bucket is not None:
            now = clock()
            early_s = self.bucket.take(now)
            if early_s:
                raise _too_many(self.bucket, now, early_s)

    def may_use(self, model: str) -> bool:
        return self.models is None or model in self.models

    def check(self, model: str) -> None:
        if self.models is not None and model not in self.models:
            named = ", ".join(sorted(self.models))
            raise NoPermission(
                f"The key {self.name!r} may not use the model {model!r}, only: {named}.",
                param="model",
            )


def _too_many(bucket: Bucket, now: float, early_s: float) -> RateLimited:
    rate = bucket.rate
    return RateLimited(
        f"Too many requests: {rate.per_s:g} a second are allowed, and {rate.burst} at once beyond "
        "that. Ask more slowly.",
        retry_after_s=max(1, math.ceil(early_s)),
        headers=[(n.decode(), v.decode()) for n, v in bucket.headers(now)],
    )
