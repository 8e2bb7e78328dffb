"""Ways of choosing a worker, each a pure function of the candidates and a random source."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Candidate:
    """`speed` is a relative weight above zero; `queue_length` counts running and waiting."""

    address: str
    speed: float
    queue_length: float

    @property
    def load(self) -> float:
        return self.queue_length / self.speed


Policy = Callable[[Sequence[Candidate], Random], Candidate]


def lottery(candidates: Sequence[Candidate], rng: Random) -> Candidate:
    """By chance, in proportion to speed."""
    return rng.choices(candidates, weights=[worker.speed for worker in candidates])[0]


def shortest_queue(candidates: Sequence[Candidate], rng: Random) -> Candidate:
    """The least load for its speed; the first of equals."""
    return min(candidates, key=lambda worker: worker.load)


POLICIES: Mapping[str, Policy] = {"lottery": lottery, "shortest_queue": shortest_queue}
DEFAULT_POLICY = "lottery"
