"""An engine across a network that is asked again when it is gone for a while."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from fastchat.core.errors import (
    EngineFailed,
    InvalidRequest,
    NoWorker,
    OutOfMemory,
    Overloaded,
    PlatformError,
)
from fastchat.core.generation import Chunk, Engine, Feature, GenerationRequest

# A server that starts again needs some seconds, its workers perhaps a minute.
PATIENCE_S = 90.0
PAUSE_S = 1.0
LONGEST_PAUSE_S = 10.0
# An engine that breaks at the same place again and again is not asked for ever.
MOST_BREAKS = 3


@dataclass(frozen=True, slots=True)
class PersistingEngine:
    """What was not answered is asked again, and what was cut goes on where it was. Who cannot go on
    in the middle of an answer says so, and then the cut is the user's to see. `tell` hears once of
    each wait."""

    engine: Engine
    tell: Callable[[str], object]
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    @property
    def model_names(self) -> Sequence[str]:
        return self.engine.model_names

    @property
    def features(self) -> frozenset[Feature]:
        return self.engine.features

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        course = _Course(request, self.clock())
        while True:
            try:
                async with aclosing(self.engine.generate(course.rest)) as chunks:
                    async for chunk in chunks:
                        course.hear(chunk, self.clock())
                        yield chunk
                return
            except InvalidRequest as error:
                raise course.cut or error from None
            except OutOfMemory:
                raise
            except (NoWorker, Overloaded, EngineFailed) as error:
                if not course.may_go_on_after(error, self.clock()):
                    raise
                if course.tries == 1:
                    self.tell(f"({error.message} Trying again; Ctrl-C ends it.)")
                pause_s = min(error.retry_after_s or PAUSE_S, LONGEST_PAUSE_S)
            await self.sleep(pause_s)

    async def aclose(self) -> None:
        await self.engine.aclose()


@dataclass(slots=True)
class _Course:
    """`heard_at`: when the last word came, or the question was asked. `cut`: what broke the answer
    off; `tries`: how often since that word it did not go on, `breaks`: because something broke."""

    request: GenerationRequest
    heard_at: float
    said: str = ""
    cut: PlatformError | None = None
    breaks: int = 0
    tries: int = 0

    @property
    def rest(self) -> GenerationRequest:
        if not self.said:
            return self.request
        before = self.request.continue_from
        return replace(self.request, continue_from=before + self.said, resumed=self.said)

    def hear(self, chunk: Chunk, now: float) -> None:
        self.said += chunk.text
        self.heard_at = now
        self.breaks = self.tries = 0

    def may_go_on_after(self, error: PlatformError, now: float) -> bool:
        self.tries += 1
        self.breaks += isinstance(error, EngineFailed)
        if self.said and self.cut is None:
            self.cut = error
        return self.breaks < MOST_BREAKS and now - self.heard_at < PATIENCE_S
