"""All votes that were cast, and the boards computed from them. Knows no Gradio."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fastchat.arena.battle import Ballot, Battle, Vote, ballot
from fastchat.arena.leaderboard import Leaderboard, Query, leaderboard
from fastchat.arena.sampling import votes_of
from fastchat.storage import Database, DatabaseAway, battles, votes

MOST_BOARDS = 32
# Votes of other processes are numbered by the database as they arrive, not quite in order.
OVERLAP = 1000


@dataclass(slots=True, eq=False)
class Poll:
    """`database` None: the votes of this process only, until it ends. A board is computed once for
    as many votes as there are."""

    database: Database | None
    _ballots: dict[str, Ballot] = field(default_factory=dict)
    _last: int = 0
    _boards: dict[tuple[Query, int], Leaderboard] = field(default_factory=dict)
    _computing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def ballots(self) -> Sequence[Ballot]:
        return list(self._ballots.values())

    def appearances(self) -> Mapping[str, int]:
        """How many votes each model has."""
        return votes_of((one.left, one.right) for one in self._ballots.values())

    def keep(self, battle: Battle, vote: Vote) -> None:
        self._ballots.setdefault(battle.id, ballot(battle, vote))
        if self.database is not None:
            battles.add(self.database, battle)
            votes.add(self.database, vote)

    async def refresh(self) -> None:
        """Votes that others wrote: another page, clients of the API. While the database is away
        those stay that are known."""
        if self.database is None:
            return
        after = max(0, self._last - OVERLAP)
        try:
            found, self._last = await self.database.read(
                lambda connection: votes.ballots(connection, after)
            )
        except DatabaseAway:
            return
        for one in found:
            self._ballots.setdefault(one.battle, one)

    async def board(self, query: Query) -> Leaderboard:
        await self.refresh()
        async with self._computing:
            key = (query, len(self._ballots))
            if key not in self._boards:
                if len(self._boards) >= MOST_BOARDS:
                    self._boards.clear()
                # The same votes give the same board: what chance there is begins alike.
                self._boards[key] = await asyncio.to_thread(
                    leaderboard, self.ballots, query, random.Random(0)
                )
            return self._boards[key]
