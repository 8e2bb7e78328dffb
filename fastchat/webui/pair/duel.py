"""Two conversations that are asked the same at the same time, and the vote on them. Knows no
Gradio and no HTTP."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Literal

from fastchat.arena.battle import Battle, Kind, Side, Vote, Winner, leaks
from fastchat.arena.figures import ArenaFigures
from fastchat.core.errors import InvalidRequest
from fastchat.core.pictures import mark_of
from fastchat.webui.pacing import paced
from fastchat.webui.pictures import Blind
from fastchat.webui.session import Session, Settings

# empty: nothing was asked. failed: a side has no whole answer, so there is nothing to vote on.
Standing = Literal["empty", "writing", "failed", "open", "voted"]
Pair = tuple[str, str]
# For a question with pictures, or without.
Draw = Callable[[bool], Pair]


class LatePicture(InvalidRequest):
    """To see or not to see would tell who it is: models of a blind round are drawn for the first
    question."""

    def __init__(self) -> None:
        super().__init__(
            "A blind round takes pictures with its first question: begin a new round.",
            param="pictures",
        )


class LostSight(InvalidRequest):
    """Of a blind round: which of the two it is stays a secret."""

    def __init__(self) -> None:
        super().__init__(
            "A model of this round does not see pictures any more: begin a new round.",
            param="model",
        )


@dataclass(kw_only=True, slots=True, eq=False)
class Duel:
    """Left and right. In a blind one the names are a secret until the vote, after which the next
    question begins a new round; with the names in sight the talk goes on."""

    kind: Kind
    left: Session
    right: Session
    new_id: Callable[[], str]
    wall_clock: Callable[[], float]
    figures: ArenaFigures = field(default_factory=ArenaFigures)
    pair: Pair | None = None
    vote: Vote | None = None
    leaked: bool = False
    _began_s: float = 0.0
    _finished_s: float = 0.0

    @property
    def sides(self) -> tuple[Session, Session]:
        return self.left, self.right

    @property
    def is_busy(self) -> bool:
        return any(side.is_busy for side in self.sides)

    @property
    def size(self) -> int:
        return sum(side.size for side in self.sides)

    @property
    def is_blind(self) -> bool:
        return self.kind == "battle"

    @property
    def standing(self) -> Standing:
        if not self.left.turns:
            return "empty"
        if self.is_busy:
            return "writing"
        if self.vote is not None:
            return "voted"
        turns = [side.turns[-1] for side in self.sides if side.turns]
        whole = all(turn.fault is None and turn.finish and turn.answer.strip() for turn in turns)
        return "open" if whole and len(turns) == 2 else "failed"

    async def ask(
        self, question: str, settings: Settings, draw: Draw, pictures: tuple[str, ...] = ()
    ) -> AsyncGenerator[None, None]:
        """`draw` names the two models when a round begins; of a blind one only then."""
        if not question.strip() and not pictures:
            for side in self.sides:
                await side.over()
            return
        await self.stop()
        if self.vote is not None and self.is_blind:
            await self.clear()
        await self._pair_up(draw, pictures)

        def verb(one: Session, how: Settings) -> AsyncGenerator[None, None]:
            return one.ask(question, how, pictures)

        async with aclosing(self._both(settings, verb)) as news:
            async for _ in news:
                yield

    async def _pair_up(self, draw: Draw, pictures: tuple[str, ...]) -> None:
        """Whatever is refused is refused before a side is asked."""
        if self.is_blind and self.pair is not None:
            if pictures and self.left.turns:
                raise LatePicture()
            pair = self.pair
        else:
            pair = draw(bool(pictures))
        begins = pair != self.pair
        self._admit(pair, pictures, after=0 if begins else len(self.left.turns))
        if begins:
            await self.clear()
            self.pair = pair

    def _admit(self, pair: Pair, pictures: tuple[str, ...], *, after: int) -> None:
        for side, model in zip(self.sides, pair, strict=True):
            try:
                side.admit(model, pictures, after=after)
            except Blind:
                if self.is_blind:
                    raise LostSight() from None
                raise

    async def regenerate(self, settings: Settings) -> AsyncGenerator[None, None]:
        """Both answer their last question again. After the vote there is nothing to do better."""
        last = len(self.left.turns) - 1
        if last < 0 or self.standing == "voted" or self.pair is None:
            return
        await self.stop()
        self._admit(self.pair, self.left.turns[last].pictures, after=last)
        async with aclosing(
            self._both(settings, lambda one, how: one.regenerate(last, how))
        ) as news:
            async for _ in news:
                yield

    async def stop(self) -> None:
        for side in self.sides:
            await side.stop()

    async def clear(self) -> None:
        """A new round: other models, if they are drawn."""
        for side in self.sides:
            await side.clear()
        self.pair = self.vote = None

    def cast(
        self, winner: Winner, reasons: tuple[str, ...], voter: str, address: str
    ) -> tuple[Battle, Vote]:
        """Raises `InvalidRequest` when there is nothing to vote on (any more)."""
        if self.standing != "open" or self.pair is None:
            raise InvalidRequest("A vote needs two whole answers, and there is one only once.")
        now = self.wall_clock()
        battle = Battle(
            id=self.new_id(),
            kind=self.kind,
            began_s=self._began_s,
            finished_s=self._finished_s,
            questions=tuple(turn.question for turn in self.left.turns),
            left=_side(self.left, self.pair[0]),
            right=_side(self.right, self.pair[1]),
            pictures=tuple(map(mark_of, self.left.pictures)),
        )
        self.leaked = leaks(battle)
        self.vote = Vote(
            battle=battle.id,
            winner=winner,
            voter=voter,
            address=address,
            cast_s=now,
            dwell_s=max(0.0, now - self._finished_s),
            reasons=reasons,
        )
        self.figures.voted(self.kind, winner)
        return battle, self.vote

    async def _both(
        self,
        settings: Settings,
        verb: Callable[[Session, Settings], AsyncGenerator[None, None]],
    ) -> AsyncGenerator[None, None]:
        """Both begin together; one that fails does not end the other."""
        assert self.pair is not None
        self.vote, self._began_s = None, self.wall_clock()
        changed = asyncio.Event()
        told = [
            verb(side, replace(settings, model=model))
            for side, model in zip(self.sides, self.pair, strict=True)
        ]
        work = asyncio.create_task(_together(told, changed))
        try:
            async with aclosing(paced(work, changed)) as news:
                async for _ in news:
                    yield
            await work
        finally:
            work.cancel()
            await asyncio.wait({work})
            self._finished_s = self.wall_clock()
            self.figures.fought(self.kind, "whole" if self.standing == "open" else "failed")
        yield


async def _together(told: Sequence[AsyncGenerator[None, None]], changed: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        for news in told:
            group.create_task(_heard(news, changed))


async def _heard(news: AsyncGenerator[None, None], changed: asyncio.Event) -> None:
    async with aclosing(news):
        async for _ in news:
            changed.set()


def _side(session: Session, model: str) -> Side:
    return Side(model=model, answers=tuple(turn.answer for turn in session.turns))
