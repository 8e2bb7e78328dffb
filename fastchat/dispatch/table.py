"""The workers a process knows, what they serve and how busy they are."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from fastchat.core.board import FindPlace, Place
from fastchat.core.errors import NoWorker, Overloaded, PlatformError, UnknownModel
from fastchat.dispatch.budget import DEFAULT_BUDGET, RetryBudget
from fastchat.dispatch.group import Group
from fastchat.dispatch.policies import (
    DEFAULT_POLICY,
    POLICIES,
    READS_PROMPTS,
    UNASKED,
    Candidate,
    Question,
)
from fastchat.dispatch.prefixes import prefixes_of
from fastchat.dispatch.routes import NO_ROUTES, Routes
from fastchat.dispatch.row import MEMORY_S, Outcome, Row
from fastchat.protocol.cluster import Dispatched, TableUpdate, WorkerEntry

# A model whose last worker went stays known this long: "no worker" and not "no such model".
REMEMBER_S = 600.0
# A controller that started anew hears of its workers with their next heart-beats; until then those
# it does not know yet go on being used.
UNCONFIRMED_S = 120.0
# How often is looked at what changes with time alone: pauses, warm-up, claims and records.
REFRESH_S = 0.25
# To somebody who started anew as well, such a controller's list is not the whole truth for so long:
# the five seconds between two beats, and a moment.
SETTLING_S = 6.0


class Lease:
    """One request's claim on a worker, and how the choice came about. The worker is asked for
    `model`, which is another than was asked for when an alias or a fallback led there. It is made
    for each request: compiled, a plain class is the cheapest."""

    __slots__ = ("chosen_at", "dispatched", "model", "row", "worker")

    def __init__(self, row: Row, model: str, dispatched: Dispatched, chosen_at: float) -> None:
        self.worker = row.entry  # as it is now
        self.model = model
        self.dispatched = dispatched
        self.chosen_at = chosen_at
        self.row = row


@dataclass(slots=True)
class Table:
    """State of one process: entries come from registrations or from the controller's updates.

    A table that follows a controller is not `complete` before the first snapshot has come. One that
    hears how requests went lets workers prove the speed they claim; `trusts_claims` otherwise.
    With `find_place`, processes on one port have what is in flight and the breakers in common: one
    sees what another did at its next look at the worker, after `REFRESH_S` at the latest.
    `held_back` counts the retries that the budget did not allow, or not at once.
    """

    clock: Callable[[], float]
    rng: Random
    policy: str = DEFAULT_POLICY
    complete: bool = True
    routes: Routes = NO_ROUTES
    trusts_claims: bool = False
    budget: RetryBudget = DEFAULT_BUDGET
    find_place: FindPlace | None = None
    controller_epoch: int | None = None
    held_back: int = 0
    _rows: dict[str, Row] = field(default_factory=dict)
    _own: set[str] = field(default_factory=set)
    _groups: dict[str, Group] = field(default_factory=dict)
    _gone: dict[str, float] = field(default_factory=dict)
    _refreshed_at: float = 0.0
    _refresh_at: float = -math.inf
    _running: int = 0
    _retrying: int = 0
    _settled_at: float = -math.inf

    def __contains__(self, address: object) -> bool:
        return address in self._rows

    def __getitem__(self, address: str) -> WorkerEntry:
        return self._rows[address].entry

    def entries(self) -> list[WorkerEntry]:
        return [row.entry for row in self._rows.values()]

    def rows(self) -> list[Row]:
        return list(self._rows.values())

    def census(self) -> dict[str, int]:
        """Workers by model: none where the last one went lately."""
        oldest = self.clock() - REMEMBER_S
        gone = {model: 0 for model, since in self._gone.items() if since >= oldest}
        return gone | {model: len(group.rows) for model, group in self._groups.items()}

    def models(self) -> list[str]:
        return sorted({*self._groups, *self.routes.reachable(self._groups)})

    def workers(self, name: str) -> list[WorkerEntry]:
        """Those that may answer for a model, or for all to which an alias may lead."""
        names = self.routes.targets(name)
        return [one for one in self.entries() if not names.isdisjoint(one.model_names)]

    def put(self, entry: WorkerEntry) -> None:
        now = self.clock()
        row = self._rows.get(entry.address)
        if row is None or row.entry.epoch != entry.epoch:
            self._take_in(entry, now)
        elif row.entry.model_names != entry.model_names:
            self._leave_groups(row)
            row.tell(entry, now)
            self._join_groups(row)
        else:
            claims_anew = row.entry.speed != entry.speed
            row.tell(entry, now)
            if claims_anew:
                self._refresh_at = now

    def keep(self, entry: WorkerEntry) -> None:
        """As `put`, for one that no controller knows: what that says is not said of it."""
        self._own.add(entry.address)
        self.put(entry)

    def drop(self, address: str) -> None:
        row = self._rows.pop(address, None)
        if row is None:
            return
        self._leave_groups(row)
        row.place.leave()
        now = self.clock()
        self._gone |= {name: now for name in row.entry.model_names if name not in self._groups}

    def apply(self, update: TableUpdate) -> None:
        """Follow the controller. A snapshot drops what it does not name, unless the controller is
        a new one."""
        if update.dispatch_method is not None and update.dispatch_method in POLICIES:
            self.policy = update.dispatch_method
        if update.snapshot:
            self.complete = True
            if update.age_s is not None:
                self._settled_at = self.clock() + SETTLING_S - update.age_s
            self._replace_all(update)
        for entry in update.put:
            self.put(entry)
        for address in update.drop:
            self.drop(address)
        self._drop_unconfirmed()

    def _replace_all(self, update: TableUpdate) -> None:
        started_anew = self.controller_epoch not in (None, update.epoch)
        self.controller_epoch = update.epoch
        named = {entry.address for entry in update.put} | self._own
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
            row.entry.address not in excluding
            for name in self.routes.chain(model, self.rng)
            if name in self._groups
            for row in self._groups[name].rows
        )

    def question(self, *, session: str | None, body: bytes) -> Question:
        """What the policy has to know of a request: no prompt is hashed for one that asks not."""
        if self.policy in READS_PROMPTS:
            return Question(session, prefixes_of(body))
        return UNASKED if session is None else Question(session)

    def choose(
        self, model: str, *, excluding: Collection[str] = (), question: Question = UNASKED
    ) -> Lease:
        """Pick a worker by the table's policy, of the first model in the chain that has one.

        Raises `UnknownModel`, `NoWorker`, or `Overloaded` when all are full: what the first model
        of the chain has to say.
        """
        now = self.clock()
        if now >= self._refresh_at:
            self.refresh()
        first: PlatformError | None = None
        for name in self.routes.chain(model, self.rng):
            try:
                return self._pick(name, excluding, question, now)
            except (UnknownModel, NoWorker, Overloaded) as error:
                first = first or error
        assert first is not None  # a chain is never empty
        raise first

    def count(self, address: str) -> None:
        """One more request went there from somebody whose requests are not leased here."""
        if address in self._rows:
            self._rows[address].send_for_others()

    @contextmanager
    def hold(self, lease: Lease, *, retry: bool = False) -> Iterator[None]:
        """Count the request as in flight while it lasts."""
        self.take(lease, retry=retry)
        try:
            yield
        finally:
            self.release(lease, retry=retry)

    def take(self, lease: Lease, *, retry: bool = False) -> None:
        lease.row.send()
        self._running += 1
        self._retrying += retry

    def release(self, lease: Lease, *, retry: bool = False) -> None:
        lease.row.end()
        self._running -= 1
        self._retrying -= retry

    def settle(self) -> None:
        """A retry was answered: what it made up for is over."""
        self._retrying -= 1

    def is_same(self, lease: Lease) -> bool:
        """Whether the worker is still the incarnation that was leased."""
        return self._rows.get(lease.worker.address) is lease.row

    def is_replaced(self, lease: Lease) -> bool:
        """Whether another incarnation stands under the address of the one that was leased."""
        return self._rows.get(lease.worker.address, lease.row) is not lease.row

    def may_retry(self) -> bool:
        allowed = self.budget.allows(retrying=self._retrying, running=self._running)
        self.held_back += not allowed
        return allowed

    def report(self, lease: Lease, outcome: Outcome) -> None:
        """How a request went. A request that its client gave up is not reported."""
        now = self.clock()
        if lease.row.report(outcome, now, now - lease.chosen_at):
            self._refresh_groups(lease.row, now)

    def refresh(self) -> None:
        """See what changes with time alone. Who chooses does, at the latest: it is cheaper for him
        if somebody did lately."""
        now = self.clock()
        keep = math.exp(-max(0.0, now - self._refreshed_at) / MEMORY_S)
        self._refreshed_at, self._refresh_at = now, now + REFRESH_S
        for row in self._rows.values():
            row.refresh(now, keep)
            row.candidate.speed = row.entry.speed
        for group in self._groups.values():
            group.refresh(now)
            if self.trusts_claims:
                continue
            for row, speed in group.believed_speeds():
                row.candidate.speed = min(row.candidate.speed, speed)

    def suspects(self) -> list[str]:
        """Workers of which nobody knows whether they still live: ask them."""
        now = self.clock()
        return [address for address, row in self._rows.items() if row.is_suspect(now)]

    def probed(self, address: str, *, alive: bool) -> None:
        """What a suspect said when it was asked, or that it said nothing."""
        row = self._rows.get(address)
        if row is not None:
            now = self.clock()
            row.probed(now, alive=alive)
            self._refresh_groups(row, now)

    def _take_in(self, entry: WorkerEntry, now: float) -> None:
        before = self._rows.get(entry.address)
        if before is not None:
            self._leave_groups(before)
            before.place.leave()
        row = Row(entry, since=now, heard_at=now, place=self._place(entry))
        self._rows[entry.address] = row
        # Its turn comes with the others': it has not to catch up.
        others = [other.candidate.turns for other in self._rows.values() if other is not row]
        row.candidate.turns = min(others, default=0.0)
        self._join_groups(row)

    def _place(self, entry: WorkerEntry) -> Place:
        if self.find_place is None:
            return Place()
        return self.find_place(f"worker {entry.address} {entry.epoch}")

    def _join_groups(self, row: Row) -> None:
        for name in set(row.entry.model_names):
            self._groups.setdefault(name, Group()).rows.append(row)
            self._gone.pop(name, None)
        self._refresh_at = -math.inf

    def _leave_groups(self, row: Row) -> None:
        for name in set(row.entry.model_names):
            group = self._groups[name]
            group.rows.remove(row)
            if not group.rows:
                del self._groups[name]
        self._refresh_at = -math.inf

    def _refresh_groups(self, row: Row, now: float) -> None:
        """A breaker that opened or closed changes who can be chosen."""
        for name in row.entry.model_names:
            if name in self._groups:
                self._groups[name].refresh(now)

    def _pick(
        self, model: str, excluding: Collection[str], question: Question, now: float
    ) -> Lease:
        group = self._groups.get(model)
        if group is None:
            raise self._nobody(model)
        candidates = group.open
        if excluding or not candidates:
            candidates = self._eligible(model, group, excluding)
        policy = POLICIES[self.policy]
        chosen = policy(candidates, question, self.rng)
        if self.find_place is not None:
            self._hear_siblings([chosen])
        if chosen.queue_length >= chosen.capacity:
            candidates = self._free(model, group, candidates)
            chosen = policy(candidates, question, self.rng)
        chosen.turns += 1 / (chosen.speed * chosen.warmth)
        if question.prefixes:
            chosen.seen.add(question.prefixes)
        names = group.names if candidates is group.open else tuple([c.address for c in candidates])
        lengths = tuple([one.queue_length / one.speed for one in candidates])
        row = self._rows[chosen.address]
        if not row.breaker.is_closed and row.breaker.lets_in(now):
            row.breaker.begin_trial(now)
            group.close_for(chosen)
        dispatched = Dispatched(model, names, lengths, chosen.address)
        return Lease(row, model, dispatched, now)

    def _eligible(self, model: str, group: Group, excluding: Collection[str]) -> list[Candidate]:
        """Better a doubtful worker than none."""
        candidates = [one for one in group.open if one.address not in excluding]
        if not candidates:
            everybody = (row.candidate for row in group.rows)
            candidates = [one for one in everybody if one.address not in excluding]
        if not candidates:
            raise self._nobody(model)
        return candidates

    def _free(self, model: str, group: Group, candidates: list[Candidate]) -> list[Candidate]:
        self._hear_siblings(candidates)
        free = [one for one in candidates if one.queue_length < one.capacity]
        if not free:
            raise _full(model, len(candidates), group.wait_when_full_s())
        return free

    def _hear_siblings(self, candidates: Iterable[Candidate]) -> None:
        for one in candidates:
            self._rows[one.address].hear_siblings()

    def _nobody(self, model: str) -> UnknownModel | NoWorker:
        settling = self.clock() < self._settled_at
        if not self.complete or settling or model in self._groups:
            return NoWorker(model)
        lost_at = self._gone.get(model)
        if lost_at is not None and self.clock() - lost_at < REMEMBER_S:
            return NoWorker(model)
        return UnknownModel(model, self.models())


def _full(model: str, count: int, wait_s: float) -> Overloaded:
    return Overloaded(
        f"All workers of the model {model!r} are full ({count}). Retry later, or start another.",
        retry_after_s=max(1, math.ceil(wait_s)),
    )
