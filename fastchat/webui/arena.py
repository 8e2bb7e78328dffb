"""The further tabs of `gradio_web_server_multi`, over one poll of votes."""

import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from fastchat.arena.battle import Kind
from fastchat.arena.figures import ArenaFigures
from fastchat.arena.sampling import Draw
from fastchat.storage import Database
from fastchat.webui.conversation_log import ConversationLog
from fastchat.webui.leaderboard.handlers import LeaderboardHandlers
from fastchat.webui.leaderboard.poll import Poll
from fastchat.webui.pair.duel import Duel, Pair
from fastchat.webui.pair.handlers import PairHandlers
from fastchat.webui.session import Session
from fastchat.webui.store import Store
from fastchat.webui.visitors import Visitors


class Models(Protocol):
    def __call__(self, *, shows: bool = False) -> Sequence[str]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Arena:
    battle: PairHandlers
    side_by_side: PairHandlers
    leaderboard: LeaderboardHandlers

    @property
    def pairs(self) -> tuple[PairHandlers, PairHandlers]:
        return self.battle, self.side_by_side


def arena_over(
    session: Callable[[], Session],
    models: Models,
    database: Database | None,
    visitors: Visitors,
    log: ConversationLog,
    *,
    takes_pictures: bool = False,
    draw: Draw,
    rng: random.Random,
    wall_clock: Callable[[], float],
    figures: ArenaFigures,
) -> Arena:
    """`models` are those that may be drawn, for questions with pictures or without."""
    poll = Poll(database)

    def drawn(shows: bool) -> Pair:
        return draw.pair(models(shows=shows), poll.appearances(), rng)

    def handlers(kind: Kind) -> PairHandlers:
        def duel() -> Duel:
            return Duel(
                kind=kind,
                left=session(),
                right=session(),
                new_id=lambda: uuid.uuid4().hex,
                wall_clock=wall_clock,
                figures=figures,
            )

        return PairHandlers(
            kind=kind,
            store=Store(duel, time.monotonic),
            visitors=visitors,
            log=log,
            takes_pictures=takes_pictures,
            draw=drawn,
            keep=poll.keep,
        )

    return Arena(
        battle=handlers("battle"),
        side_by_side=handlers("side_by_side"),
        leaderboard=LeaderboardHandlers(poll, visitors, wall_clock),
    )
