"""The workers a process knows, what they serve and how busy they are."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from fastchat.core.errors import NoWorker, UnknownModel
from fastchat.dispatch.policies import DEFAULT_POLICY, POLICIES, Candidate
from fastchat.protocol.cluster import Dispatched, TableUpdate, WorkerEntry

# A model whose last worker went stays known this long: "no worker" and not "no such model".
REMEMBER_S = 600.0
# A controller that started anew hears of its workers with their next heart-beats; until then those
# it does not know yet go on being used.
UNCONFIRMED_S = 120.0


@dataclass(frozen=True, slots=True)
class Lease:
    """One request's claim on a worker, and how the choice came about."""

    worker: WorkerEntry
    dispatched: Dispatched


@dataclass(slots=True)
class _Row:
    entry: WorkerEntry
    # Requests sent from here, now and when the worker last told its queue length.
    in_flight: int = 0
    in_flight_then: int = 0
    unconfirmed_since: float | None = None

    @property
    def queue_length(self) -> float:
        """The worker's own word, corrected by what was sent and finished from here since."""
        return max(0.0, self.entry.queue_length + self.in_flight - self.in_flight_then)


@dataclass(slots=True)
class Table:
    """State of one process: entries come from registrations or from the controller's updates.

    A table that follows a controller is not `complete` before the first snapshot has come.
    """

    clock: Callable[[], float]
    rng: Random
    policy: str = DEFAULT_POLICY
    complete: bool = True
    controller_epoch: int | None = None
    _rows: dict[str, _Row] = field(default_factory=dict)
    _gone: dict[str, float] = field(default_factory=dict)

    def __contains__(self, address: object) -> bool:
        return address in self._rows

    def __getitem__(self, address: str) -> WorkerEntry:
        return self._rows[address].entry

    def entries(self) -> list[WorkerEntry]:
        return [row.entry for row in self._rows.values()]

    def models(self) -> list[str]:
        return sorted({name for row in self._rows.values() for name in row.entry.model_names})

    def put(self, entry: WorkerEntry) -> None:
        row = self._rows.get(entry.address)
        if row is None or row.entry.epoch != entry.epoch:
            self._rows[entry.address] = _Row(entry)
        else:
            row.entry = entry
            row.in_flight_then = row.in_flight
            row.unconfirmed_since = None
        for name in entry.model_names:
            self._gone.pop(name, None)

    def drop(self, address: str) -> None:
        row = self._rows.pop(address, None)
        if row is None:
            return
        now = self.clock()
        left = set(self.models())
        self._gone |= {name: now for name in row.entry.model_names if name not in left}

    def apply(self, update: TableUpdate) -> None:
        """Follow the controller. A snapshot drops what it does not name, unless the controller is
        a new one."""
        if update.dispatch_method is not None and update.dispatch_method in POLICIES:
            self.policy = update.dispatch_method
        if update.snapshot:
            self.complete = True
            self._replace_all(update)
        for entry in update.put:
            self.put(entry)
        for address in update.drop:
            self.drop(address)
        self._drop_unconfirmed()

    def _replace_all(self, update: TableUpdate) -> None:
        started_anew = self.controller_epoch not in (None, update.epoch)
        self.controller_epoch = update.epoch
        named = {entry.address for entry in update.put}
        for address in [known for known in self._rows if known not in named]:
            if started_anew:
                self._rows[address].unconfirmed_since = self.clock()
            else:
                self.drop(address)

    def _drop_unconfirmed(self) -> None:
        oldest = self.clock() - UNCONFIRMED_S
        for address, row in list(self._rows.items()):
            if row.unconfirmed_since is not None and row.unconfirmed_since < oldest:
                self.drop(address)

    def serves(self, model: str, *, excluding: Collection[str]) -> bool:
        return any(
            model in row.entry.model_names and address not in excluding
            for address, row in self._rows.items()
        )

    def choose(self, model: str, *, excluding: Collection[str] = ()) -> Lease:
        """Pick a worker by the table's policy. Raises `UnknownModel` or `NoWorker`."""
        candidates = [
            Candidate(row.entry.address, row.entry.speed, row.queue_length)
            for row in self._rows.values()
            if model in row.entry.model_names and row.entry.address not in excluding
        ]
        if not candidates:
            raise self._nobody(model)
        chosen = POLICIES[self.policy](candidates, self.rng)
        dispatched = Dispatched(
            model=model,
            names=tuple(worker.address for worker in candidates),
            queue_lens=tuple(worker.load for worker in candidates),
            ret=chosen.address,
        )
        return Lease(self._rows[chosen.address].entry, dispatched)

    def count(self, address: str) -> None:
        """One more request went there from somebody whose requests are not leased here."""
        if address in self._rows:
            self._rows[address].in_flight += 1

    @contextmanager
    def hold(self, lease: Lease) -> Iterator[None]:
        """Count the request as in flight while it lasts."""
        row = self._rows.get(lease.worker.address)
        if row is None:
            yield
            return
        row.in_flight += 1
        try:
            yield
        finally:
            row.in_flight -= 1

    def _nobody(self, model: str) -> UnknownModel | NoWorker:
        if not self.complete:
            return NoWorker(model)
        known = any(model in row.entry.model_names for row in self._rows.values())
        lost_at = self._gone.get(model)
        if known or (lost_at is not None and self.clock() - lost_at < REMEMBER_S):
            return NoWorker(model)
        return UnknownModel(model, self.models())
