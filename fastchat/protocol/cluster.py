"""Messages between the controller and those who work with it: 0.2.36's, and what we add.

A worker of 0.2.36 sends no `epoch` and gets `null` for an answer; one of ours sends an epoch and is
told so. Of two registrations of one address the higher epoch wins: an address is one host, so that
host's clock at the worker's start orders its incarnations.
"""

import math
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

_Said = TypeVar("_Said")

MAX_SPEED = 100.0

# Among the dialects of a worker that goes on with an answer which another worker began
# (`protocol.openai.requests.Continued`).
RESUMES = "openai-continued"
# ... and of one that tells the token counts of an answer beside it (`protocol.counts`). Any other
# that speaks "openai" is asked for them in the body.
COUNTS = "openai-counts"

Name = Annotated[str, Meta(max_length=256, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
# A URL of one line: it goes into logs and request lines.
Address = Annotated[
    str,
    Meta(max_length=512, pattern=r"^https?://[^\s\x00-\x20\x7f/?#@]+(/[^\s\x00-\x20\x7f?#]*)?\Z"),
]
Speed = Annotated[float, Meta(ge=0.01)]
Names = Annotated[tuple[Name, ...], Meta(min_length=1, max_length=256)]
Count = Annotated[float, Meta(ge=0, le=1e9)]
Abilities = Annotated[tuple[Name, ...], Meta(max_length=64)]
ModelAbilities = Annotated[dict[Name, Abilities], Meta(max_length=256)]
ContextLength = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`speed` is a relative weight; `queue_length` counts requests running and waiting.

    Workers of ours also tell how many requests they take, running and waiting, and how long one
    would wait that comes when they are full; how full the engine's cache of keys and values is, if
    it says so; and the template that makes their prompts ("own": the one that came with the model),
    with the hash of a sample dialogue as it writes it. `abilities` are those that all of its models
    have; of those that can more, `model_abilities` has all.
    """

    model_names: Names
    speed: Speed = 1
    queue_length: Count = 0
    capacity: Count | UnsetType = UNSET
    wait_s: Count | UnsetType = UNSET
    cache_usage: Share | UnsetType = UNSET
    template: str | UnsetType = UNSET
    template_hash: str | UnsetType = UNSET
    abilities: Abilities | UnsetType = UNSET
    model_abilities: ModelAbilities | UnsetType = UNSET
    context_length: ContextLength | UnsetType = UNSET

    def __str__(self) -> str:
        # The line operators of 0.2.36 look for.
        status = {
            "model_names": list(self.model_names),
            "speed": _plain(self.speed),
            "queue_length": _plain(self.queue_length),
        }
        return str(status)


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """`worker_status` null wants the controller to ask the worker."""

    worker_name: Address
    worker_status: WorkerStatus | None = None
    check_heart_beat: bool = True
    multimodal: bool = False
    epoch: int | None = None
    dialects: tuple[Name, ...] = ()


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a worker that sent an epoch."""

    epoch: int


class HeartBeat(msgspec.Struct, frozen=True, kw_only=True):
    worker_name: Address
    queue_length: Count
    epoch: int | None = None
    wait_s: Count | UnsetType = UNSET
    cache_usage: Share | UnsetType = UNSET


class HeartBeatAnswer(msgspec.Struct, frozen=True, kw_only=True):
    exist: bool


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that drains takes its leave."""

    worker_name: Address
    epoch: int


class ModelRef(msgspec.Struct, frozen=True, kw_only=True):
    model: Name


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    models: list[str]


class WorkerAddress(msgspec.Struct, frozen=True, kw_only=True):
    """`address` is empty when no worker serves the model."""

    address: str


class WorkerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the controller's table. `dialects` is empty for a worker of 0.2.36, which tells no
    capacity either. `cache_usage` is None for an engine that does not tell it."""

    address: Address
    model_names: Names
    speed: Speed = 1
    queue_length: Count = 0
    capacity: Count | None = None
    wait_s: Count | None = None
    cache_usage: Share | None = None
    epoch: int | None = None
    multimodal: bool = False
    dialects: tuple[str, ...] = ()
    abilities: tuple[str, ...] | None = None
    model_abilities: dict[str, tuple[str, ...]] | None = None
    context_length: int | None = None

    def abilities_of(self, model: str) -> tuple[str, ...] | None:
        """None of a worker that does not tell."""
        return (self.model_abilities or {}).get(model, self.abilities)

    def sees(self, model: str) -> bool:
        """Whether this model of it can be asked with a picture. One of 0.2.36 cannot: its wire has
        another notion of them."""
        able = self.abilities_of(model)
        if able is not None:
            return "vision" in able
        return self.multimodal and bool(self.dialects)

    @property
    def resumes(self) -> bool:
        """Whether it goes on with an answer that another worker began. With one of 0.2.36 that
        takes no more than a longer prompt."""
        return not self.dialects or RESUMES in self.dialects

    @property
    def tells_counts(self) -> bool:
        return COUNTS in self.dialects


class WorkerTable(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `GET /workers`."""

    workers: tuple[WorkerEntry, ...]


class WorkerLoad(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a worker to `GET /load`: requests, and tokens since its start and just now.
    `cache_usage` is a share, from 0 to 1, by the account of an engine that tells it."""

    running: int
    waiting: int
    slots: int
    completion_tokens: int
    tokens_per_s: float
    cache_usage: float | None = None


class TableUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `GET /workers/watch`. A snapshot replaces all that was known and carries the
    controller's own `epoch` and age; an update without content is a sign of life."""

    snapshot: bool = False
    epoch: int | None = None
    age_s: float | None = None
    dispatch_method: str | None = None
    put: tuple[WorkerEntry, ...] = ()
    drop: tuple[str, ...] = ()


class Dispatched(msgspec.Struct, frozen=True, gc=False):
    """One choice of a worker: the candidates, their loads at that moment, the chosen address."""

    model: Name
    names: tuple[Address, ...]
    queue_lens: tuple[float, ...]
    ret: Address

    def __str__(self) -> str:
        return (
            f"get_worker_address names: {list(self.names)}, "
            f"queue_lens: {[round(n, 3) for n in self.queue_lens]}, ret: {self.ret}"
        )


class DispatchReport(msgspec.Struct, frozen=True, kw_only=True):
    dispatches: Annotated[tuple[Dispatched, ...], Meta(max_length=10_000)]


def clamped(status: WorkerStatus) -> WorkerStatus:
    """A worker may boast; it does not get more than a hundredfold share for it."""
    if status.speed <= MAX_SPEED:
        return status
    return msgspec.structs.replace(status, speed=MAX_SPEED)


def told(said: _Said | UnsetType) -> _Said | None:
    """What a worker of 0.2.36 does not tell is not known."""
    return None if isinstance(said, UnsetType) else said


def _plain(number: float) -> float:
    return int(number) if math.isfinite(number) and number == int(number) else number
