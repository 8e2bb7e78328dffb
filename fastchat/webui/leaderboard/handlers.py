"""What the leaderboard does when something is chosen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import gradio as gr

from fastchat.arena.categories import CATEGORIES
from fastchat.arena.export import leaderboard_csv
from fastchat.arena.leaderboard import Query
from fastchat.core.errors import PlatformError
from fastchat.webui.leaderboard import charts, table
from fastchat.webui.leaderboard.poll import Poll
from fastchat.webui.visitors import Visitors

ALL = "all"
WINDOWS_S: Mapping[str, float] = {"day": 86_400, "week": 7 * 86_400, "month": 30 * 86_400}


@dataclass(frozen=True, slots=True)
class LeaderboardHandlers:
    poll: Poll
    visitors: Visitors
    wall_clock: Callable[[], float]

    async def show(self, request: gr.Request, *chosen: object) -> tuple[object, ...]:
        words = self.visitors.words(request)
        try:
            board = await self.poll.board(self._query(*chosen))
        except PlatformError as error:
            raise gr.Error(words.fault(error, ""), print_exception=False) from error
        is_rated = any(row.rating is not None for row in board.rows)
        return (
            table.summary(board, words),
            table.table(board, words),
            gr.update(value=charts.intervals(board, words), visible=is_rated),
            gr.update(value=charts.wins(board, words), visible=is_rated),
        )

    async def csv(self, request: gr.Request, *chosen: object) -> str:
        return leaderboard_csv(await self.poll.board(self._query(*chosen)))

    def _query(
        self, category: object, window: object, ties: object, style: object, bootstrap: object
    ) -> Query:
        """What a browser makes up means what is shown first."""
        length_s = WINDOWS_S.get(str(window))
        # Windows move by the minute, so that a board can be kept that long.
        minute = self.wall_clock() // 60 * 60
        return Query(
            category=str(category) if category in CATEGORIES else None,
            since_s=None if length_s is None else minute - length_s,
            ties="half" if ties is not False else "without",
            style_control=style is True,
            intervals="bootstrap" if bootstrap is True else "sandwich",
        )
