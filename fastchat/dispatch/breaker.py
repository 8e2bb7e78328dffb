"""When a worker that fails is left alone, and when it gets another chance."""

from dataclasses import dataclass

# Failures in a row that open the circuit.
MOST_FAILURES = 3
# The first pause; each further one is twice as long, up to the longest. One who held out for the
# longest pause begins anew.
COOL_DOWN_S = 1.0
LONGEST_S = 60.0
# A trial without a verdict, because its client left, is over after this time.
TRIAL_S = 10.0


@dataclass(slots=True)
class Breaker:
    """Closed; open for a time; then half-open: one request is let in, and its end decides."""

    failures: int = 0
    openings: int = 0
    open_until: float | None = None
    on_trial: bool = False
    _closed_at: float = 0.0

    @property
    def is_closed(self) -> bool:
        return self.open_until is None

    def lets_in(self, now: float) -> bool:
        return self.open_until is None or now >= self.open_until

    def begin_trial(self, now: float) -> None:
        self.on_trial = True
        self.open_until = now + TRIAL_S

    def allow_trial(self, now: float) -> None:
        """The reason for the pause is gone."""
        if self.open_until is not None and not self.on_trial:
            self.open_until = now

    def succeed(self, now: float) -> None:
        """What ends well after the circuit was opened, and is no trial, began before."""
        self.failures = 0
        if self.on_trial:
            self.open_until = None
            self.on_trial = False
            self._closed_at = now

    def fail(self, now: float) -> None:
        self.failures += 1
        if self.on_trial or (self.is_closed and self.failures >= MOST_FAILURES):
            self.open(now)

    def open(self, now: float) -> None:
        if self.is_closed and now - self._closed_at >= LONGEST_S:
            self.openings = 0
        self.openings = min(self.openings + 1, 16)
        self.on_trial = False
        self.open_until = now + self.cool_down_s

    @property
    def cool_down_s(self) -> float:
        return float(min(LONGEST_S, COOL_DOWN_S * 2 ** (self.openings - 1)))
