"""What may be asked of one provider: its requests and tokens in a minute, its money in a day."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from fastchat.core.errors import Overloaded
from fastchat.core.generation import Usage
from fastchat.protocol.quotas import QuotaUse
from fastchat.providers.endpoint import Endpoint, Limits
from fastchat.providers.prices import Price

MINUTE_S = 60.0
DAY_S = 86_400.0


NOTHING = QuotaUse()


@dataclass(slots=True)
class Window:
    """Amounts of the last minute."""

    total: int = 0
    _amounts: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, now: float, amount: int) -> None:
        self._amounts.append((now, amount))
        self.total += amount

    def trim(self, now: float) -> None:
        while self._amounts and self._amounts[0][0] <= now - MINUTE_S:
            self.total -= self._amounts.popleft()[1]

    def wait_s(self, now: float, limit: int, elsewhere: int = 0) -> float:
        """Until less than the limit is in the minute; 0: it is so now. Nobody knows when those
        elsewhere were: they are taken as spread over the minute."""
        self.trim(now)
        total = self.total + elsewhere
        if total < limit:
            return 0.0
        if elsewhere:
            return min(MINUTE_S, MINUTE_S * (total - limit + 1) / total)
        left = self.total
        for at, amount in self._amounts:
            left -= amount
            if left < limit:
                return at + MINUTE_S - now
        return MINUTE_S


@dataclass(slots=True)
class Quota:
    """In memory: of this process, since its start, and of others, as `Sharing` hears of them.
    Tokens and money are known when they are spent: a request is let in while less than the limit
    was. `wall_clock` says when a day (UTC) ends."""

    limits: Limits
    price: Price | None
    clock: Callable[[], float]
    wall_clock: Callable[[], float]
    elsewhere: QuotaUse = NOTHING
    microdollars: int = field(default=0, init=False)
    _requests: Window = field(default_factory=Window)
    _tokens: Window = field(default_factory=Window)
    _day: int = 0
    _day_microdollars: int = 0
    _held_until: float = -math.inf

    def admit(self, endpoint: Endpoint) -> None:
        """Raises `Overloaded`, so that a fallback is asked."""
        now, limits, elsewhere = self.clock(), self.limits, self.elsewhere
        if (left_s := self._held_s(now)) > 0:
            raise _over(endpoint, "said to come later", left_s)
        if limits.requests_per_minute is not None:
            wait_s = self._requests.wait_s(now, limits.requests_per_minute, elsewhere.requests)
            if wait_s:
                raise _over(endpoint, f"{limits.requests_per_minute} requests a minute", wait_s)
        if limits.tokens_per_minute is not None:
            wait_s = self._tokens.wait_s(now, limits.tokens_per_minute, elsewhere.tokens)
            if wait_s:
                raise _over(endpoint, f"{limits.tokens_per_minute} tokens a minute", wait_s)
        dollars = limits.dollars_per_day
        if dollars is not None and self._spent_today() >= dollars * 1e6:
            raise _over(endpoint, f"${dollars:g} a day", DAY_S - self.wall_clock() % DAY_S)
        self._requests.add(now, 1)

    def spend(self, usage: Usage) -> None:
        """At the end of a request, however it ended."""
        if self.limits.tokens_per_minute is not None:
            self._tokens.add(self.clock(), usage.total_tokens)
        if self.price is not None:
            self._turn_page()
            cost = self.price.microdollars(usage)
            self.microdollars += cost
            self._day_microdollars += cost

    @property
    def day_spent_ratio(self) -> float | None:
        """Of the dollars of a day; None: they have no limit."""
        if self.limits.dollars_per_day is None:
            return None
        budget = self.limits.dollars_per_day * 1e6
        return self._spent_today() / budget if budget else 1.0

    def hold(self, seconds: float) -> None:
        """The provider itself said so."""
        self._held_until = max(self._held_until, self.clock() + seconds)

    def own(self) -> QuotaUse:
        """What others need to know of what was used here."""
        now, limits = self.clock(), self.limits
        self._requests.trim(now)
        self._tokens.trim(now)
        self._turn_page()
        held_s = self._held_until - now
        return QuotaUse(
            requests=0 if limits.requests_per_minute is None else self._requests.total,
            tokens=self._tokens.total,
            day=self._day,
            microdollars=0 if limits.dollars_per_day is None else self._day_microdollars,
            held_until=int(self.wall_clock() + held_s) if held_s > 0 else 0,
        )

    def _held_s(self, now: float) -> float:
        left_s = self._held_until - now
        if self.elsewhere.held_until:
            left_s = max(left_s, self.elsewhere.held_until - self.wall_clock())
        return left_s

    def _spent_today(self) -> int:
        self._turn_page()
        elsewhere = self.elsewhere
        return self._day_microdollars + (
            elsewhere.microdollars if elsewhere.day == self._day else 0
        )

    def _turn_page(self) -> None:
        day = int(self.wall_clock() // DAY_S)
        if day != self._day:
            self._day, self._day_microdollars = day, 0


def _over(endpoint: Endpoint, limit: str, wait_s: float) -> Overloaded:
    return Overloaded(
        f"The quota of {endpoint.name!r} is used up for now ({limit}). Retry later.",
        retry_after_s=max(1, math.ceil(wait_s)),
    )
