"""The judge at work: each battle is asked about twice, several at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastchat.arena.battle import Battle
from fastchat.arena.judging.asking import comparison, grading
from fastchat.arena.judging.verdicts import grade, settled, verdict
from fastchat.core.errors import PlatformError
from fastchat.core.generation import Chat, Chunk, Engine, GenerationRequest, Sampling, collect
from fastchat.terminal.judge.record import Judgment, Record

TRIES = 4
PAUSE_S = 2.0
MOST_IN_A_ROW = 5


@dataclass(kw_only=True, slots=True)
class Bench:
    """`sleep` waits between tries. Battles that could not be judged are left for the next run:
    `missed` so many, the last one for this `fault`. A judge that fails again and again is not asked
    on."""

    engine: Engine
    model: str
    mode: str
    max_tokens: int
    record: Record
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    missed: int = 0
    fault: str | None = None
    _in_a_row: int = 0

    async def judge(
        self, battles: Sequence[Battle], parallel: int, done: Callable[[], None]
    ) -> None:
        places = asyncio.Semaphore(parallel)

        async def one(battle: Battle) -> None:
            async with places:
                await self._one(battle)
                done()

        async with asyncio.TaskGroup() as group:
            for battle in battles:
                group.create_task(one(battle))

    async def _one(self, battle: Battle) -> None:
        if self._in_a_row >= MOST_IN_A_ROW:
            self.missed += 1
            return
        try:
            self.record.add(await self._judged(battle))
            self._in_a_row = 0
        except PlatformError as error:
            self.missed += 1
            self._in_a_row += 1
            self.fault = error.message

    async def _judged(self, battle: Battle) -> Judgment:
        if self.mode == "pair":
            chats = [comparison(battle, swapped=swapped) for swapped in (False, True)]
        else:
            chats = [grading(battle, side) for side in (battle.left, battle.right)]
        first, second = [await self._asked(battle, chat) for chat in chats]
        said = first.text, second.text
        straight, swapped = verdict(said[0], swapped=False), verdict(said[1], swapped=True)
        is_pair = self.mode == "pair"
        whole = settled(straight, swapped) if is_pair else None
        return Judgment(
            battle=battle.id,
            judge=self.model,
            mode="pair" if is_pair else "single",
            left=battle.left.model,
            right=battle.right.model,
            verdict=whole,
            consistent=straight == swapped if whole is not None else None,
            grades=None if is_pair else (grade(said[0]), grade(said[1])),
            said=said,
            prompt_tokens=first.usage.prompt_tokens + second.usage.prompt_tokens,
            completion_tokens=first.usage.completion_tokens + second.usage.completion_tokens,
        )

    async def _asked(self, battle: Battle, chat: Chat) -> Chunk:
        """What passes by itself is tried again."""
        request = GenerationRequest(
            id=f"judge-{battle.id}",
            model=self.model,
            prompt=chat,
            max_tokens=self.max_tokens,
            sampling=Sampling(temperature=0.0),
        )
        for left in reversed(range(TRIES)):
            try:
                return await collect(self.engine.generate(request))
            except PlatformError as error:
                if not left or (error.status < 500 and error.status != 429):
                    raise
                await self.sleep(error.retry_after_s or PAUSE_S)
        raise AssertionError("the last try raises or returns")
