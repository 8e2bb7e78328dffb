"""What is asked of an engine, and what a round of it gave."""

import asyncio
import sys
import time
from dataclasses import dataclass
from typing import Any

from fastchat.core.generation import GenerationRequest, Sampling, collect
from fastchat.engines.transformers.engine import TransformersEngine

# Small models go on with it for long, so that every stream has the same length.
PROMPT = "Once upon a time, in a small village, there lived a girl of the age of"


@dataclass(frozen=True, slots=True)
class Round:
    tokens: int
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.tokens / self.wall_s

    @property
    def cpu_rate(self) -> float:
        return self.tokens / self.cpu_s


async def answered(engine: TransformersEngine, count: int, tokens: int) -> Round:
    began, cpu = time.perf_counter(), time.process_time()
    answers = await asyncio.gather(
        *(collect(engine.generate(asked(number, tokens))) for number in range(count))
    )
    said = sum(answer.usage.completion_tokens for answer in answers)
    return checked(said, count * tokens, began, cpu)


def asked(number: int, tokens: int, **sampling: Any) -> GenerationRequest:
    return GenerationRequest(
        id=str(number),
        model="m",
        prompt=f"{PROMPT} {number}",
        max_tokens=tokens,
        sampling=Sampling(**{"temperature": 0.0, **sampling}),
    )


def checked(said: int, wanted: int, began: float, cpu: float) -> Round:
    done = Round(said, time.perf_counter() - began, time.process_time() - cpu)
    if said != wanted:
        sys.exit(f"{said} tokens came, not {wanted}: the streams are not whole")
    return done
