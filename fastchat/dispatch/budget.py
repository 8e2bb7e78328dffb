"""How much of the work may be done twice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """Retries that nobody has answered yet may be this share of the requests that run: when
    everything fails, retries must not multiply the load. The `least` lets a quiet platform retry at
    all."""

    share: float = 0.2
    least: int = 3

    def allows(self, *, retrying: int, running: int) -> bool:
        return retrying < max(self.least, self.share * running)


DEFAULT_BUDGET = RetryBudget()
