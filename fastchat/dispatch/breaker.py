"""When a worker that fails is left alone, and when it gets another chance."""

from fastchat.core.board import Place

# Failures in a row that open the circuit.
MOST_FAILURES = 3
# The first pause; each further one is twice as long, up to the longest. One who held out for the
# longest pause begins anew.
COOL_DOWN_S = 1.0
LONGEST_S = 60.0
# A trial without a verdict, because its client left, is over after this time.
TRIAL_S = 10.0


FAILURES, OPENINGS, OPEN_UNTIL, TRIAL, CLOSED_AT = range(5)


class Breaker:
    """Closed; open for a time; then half-open: one request is let in, and its end decides. The
    processes that share a port share it."""

    __slots__ = ("_place",)

    def __init__(self, place: Place | None = None) -> None:
        self._place = place or Place()

    @property
    def is_closed(self) -> bool:
        return not self._place.numbers[OPEN_UNTIL]

    @property
    def on_trial(self) -> bool:
        return bool(self._place.numbers[TRIAL])

    def lets_in(self, now: float) -> bool:
        return now >= self._place.numbers[OPEN_UNTIL]

    def begin_trial(self, now: float) -> None:
        with self._place.lock:
            self._set(TRIAL, 1)
            self._set(OPEN_UNTIL, now + TRIAL_S)

    def allow_trial(self, now: float) -> None:
        """The reason for the pause is gone."""
        with self._place.lock:
            if not self.is_closed and not self.on_trial:
                self._set(OPEN_UNTIL, now)

    def succeed(self, now: float) -> bool:
        """Whether that closed it. What ends well after the circuit was opened, and is no trial,
        began before."""
        numbers = self._place.numbers
        if numbers[FAILURES]:
            numbers[FAILURES] = 0
        if not numbers[TRIAL]:
            return False
        with self._place.lock:
            self._set(OPEN_UNTIL, 0)
            self._set(TRIAL, 0)
            self._set(CLOSED_AT, now)
        return True

    def fail(self, now: float) -> bool:
        """Whether that opened it."""
        with self._place.lock:
            failures = self._place.numbers[FAILURES] + 1
            self._set(FAILURES, failures)
            opens = self.on_trial or (self.is_closed and failures >= MOST_FAILURES)
            if opens:
                self._open(now)
            return opens

    def open(self, now: float) -> None:
        with self._place.lock:
            self._open(now)

    @property
    def cool_down_s(self) -> float:
        return float(min(LONGEST_S, COOL_DOWN_S * 2 ** (self._place.numbers[OPENINGS] - 1)))

    def _open(self, now: float) -> None:
        numbers = self._place.numbers
        began_anew = self.is_closed and now - numbers[CLOSED_AT] >= LONGEST_S
        self._set(OPENINGS, 1 if began_anew else min(numbers[OPENINGS] + 1, 16))
        self._set(TRIAL, 0)
        self._set(OPEN_UNTIL, now + self.cool_down_s)

    def _set(self, which: int, number: float) -> None:
        self._place.numbers[which] = number
