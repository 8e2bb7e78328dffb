"""Battles of the API's clients, and the votes on them."""

import asyncio
import hashlib
import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from fastchat.arena.battle import Battle, Vote, leaks
from fastchat.arena.figures import ArenaFigures
from fastchat.arena.integrity import Rules
from fastchat.arena.sampling import Draw
from fastchat.core.errors import Conflict, UnknownBattle
from fastchat.core.generation import Engine
from fastchat.gateway.blind_pair import NAME, BlindPair, Pair
from fastchat.gateway.callers import Caller
from fastchat.protocol.arena import DIALECT, Void, VoteAnswer, VoteRequest
from fastchat.protocol.cluster import WorkerEntry
from fastchat.storage import Database, DatabaseAway, battles, votes

# Shows in the log of dispatches. The name is reserved: nobody can be reached by it.
ADDRESS = "http://arena.invalid/"
REFRESH_S = 30.0
# Battles that may not be in the database yet.
MOST_RECENT = 1000
_ID = "chatcmpl-"


@dataclass(kw_only=True, slots=True, eq=False)
class Arena:
    """`engine` asks whichever worker serves a model; `entries` are the rows of the table. With
    `models` no others are drawn."""

    database: Database
    engine: Engine
    entries: Callable[[], Iterable[WorkerEntry]]
    rng: random.Random
    new_id: Callable[[], str]
    wall_clock: Callable[[], float]
    models: Collection[str] = ()
    figures: ArenaFigures = field(default_factory=ArenaFigures)
    draw: Draw = field(default_factory=Draw)
    rules: Rules = field(default_factory=Rules)
    _votes: Mapping[str, int] = field(default_factory=dict)
    _recent: dict[str, Battle] = field(default_factory=dict)

    @property
    def entry(self) -> WorkerEntry:
        """The row of the table under which clients find it."""
        return WorkerEntry(address=ADDRESS, model_names=(NAME,), dialects=(DIALECT,))

    def pair(self) -> BlindPair:
        return BlindPair(
            id=self.new_id(),
            engine=self.engine,
            draw=self._drawn,
            keep=self._keep,
            lost=lambda: self.figures.fought("api", "failed"),
            wall_clock=self.wall_clock,
        )

    async def vote(self, asked: VoteRequest, caller: Caller | None, address: str) -> VoteAnswer:
        """Stored when this returns. Raises `UnknownBattle`, `Conflict` and `DatabaseAway`."""
        battle = await self._battle(asked.battle)
        now = self.wall_clock()
        vote = Vote(
            battle=battle.id,
            winner=asked.winner,
            voter=voter(caller, asked.user),
            address=address,
            cast_s=now,
            dwell_s=max(0.0, now - battle.finished_s),
            reasons=asked.reasons,
        )
        if not await asyncio.to_thread(
            self.database.write, lambda connection: votes.add_now(connection, vote)
        ):
            raise Conflict("This battle has its vote, and there is one only.", param="battle")
        self.figures.voted(battle.kind, vote.winner)
        return VoteAnswer(
            battle=asked.battle,
            winner=vote.winner,
            left=battle.left.model,
            right=battle.right.model,
            void=self._void(battle, vote),
        )

    async def run(self) -> None:
        """Look how many votes each model has; never ends by itself."""
        while True:
            # Else the draw goes on with what was known; the writer tells of the database.
            with suppress(DatabaseAway):
                self._votes = await self.database.read(votes.appearances)
            await asyncio.sleep(REFRESH_S)

    def _drawn(self, shows: bool) -> Pair:
        return self.draw.pair(self._models(shows), self._votes, self.rng)

    def _models(self, shows: bool) -> Sequence[str]:
        served = {
            name
            for entry in self.entries()
            for name in entry.model_names
            if name != NAME and (entry.sees(name) or not shows)
        }
        return sorted(served & set(self.models) if self.models else served)

    def _keep(self, battle: Battle) -> None:
        self.figures.fought(battle.kind, "whole")
        if battles.add(self.database, battle):
            self._recent[battle.id] = battle
            if len(self._recent) > MOST_RECENT:
                del self._recent[next(iter(self._recent))]

    async def _battle(self, name: str) -> Battle:
        id = name.removeprefix(_ID)
        battle = self._recent.get(id) or await self.database.read(
            lambda connection: battles.find(connection, id)
        )
        if battle is None or battle.kind != "api":
            raise UnknownBattle(name)
        return battle

    def _void(self, battle: Battle, vote: Vote) -> Void | None:
        if leaks(battle):
            return "leak"
        return "too_fast" if vote.dwell_s < self.rules.least_dwell_s else None


def voter(caller: Caller | None, user: str | None) -> str:
    """A digest of the key and of the user that its owner names; empty: only the address is
    known."""
    if caller is None and not user:
        return ""
    key = (caller.id or caller.name) if caller is not None else ""
    said = f"key:{key}:{user or ''}"
    return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()[:32]
