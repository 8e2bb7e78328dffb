"""A question of the page as a span and in figures; a worker of ours goes on with its trace."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from fastchat.core.errors import PlatformError
from fastchat.core.fanout import Generate
from fastchat.core.genai import Operation
from fastchat.core.generation import Chunk, GenerationRequest, Usage
from fastchat.core.tracing import Event, Opened, Span, Told, Tracing

# Of both the reader and the page: nobody listens any more.
LEFT = "499"


async def traced(
    tracing: Tracing, generate: Generate, request: GenerationRequest
) -> AsyncGenerator[Chunk, None]:
    question = _Question(tracing, request)
    asked = replace(request, traceparent=question.opened.place.header)
    try:
        async with aclosing(generate(asked)) as chunks:
            async for chunk in chunks:
                question.hear(chunk)
                yield chunk
        question.error = ""
    except PlatformError as error:
        question.error = str(error.code)
        raise
    finally:
        question.end()


@dataclass(slots=True)
class _Question:
    tracing: Tracing
    request: GenerationRequest
    opened: Opened = field(init=False)
    began: float = field(init=False)
    first: float | None = None
    usage: Usage | None = None
    error: str = LEFT

    def __post_init__(self) -> None:
        self.opened = self.tracing.open()
        self.began = self.tracing.wall_clock()

    def hear(self, chunk: Chunk) -> None:
        if self.first is None:
            self.first = self.tracing.wall_clock()
        if chunk.usage.total_tokens:
            self.usage = chunk.usage

    def end(self) -> None:
        ended = self.tracing.wall_clock()
        model = self.request.model
        events = () if self.first is None else (Event("first word", self.first),)
        span = Span(
            name=f"chat {model}",
            opened=self.opened,
            kind="client",
            began=self.began,
            ended=ended,
            told=self._told(),
            events=events,
            error="" if self.error in ("", LEFT) else f"error_code {self.error}",
        )
        self.tracing.told(span)
        operation = Operation(
            name="chat",
            model=model,
            duration_s=ended - self.began,
            usage=self.usage,
            first_s=None if self.first is None else self.first - self.began,
            error=self.error,
        )
        self.tracing.measure(operation)

    def _told(self) -> Told:
        told: dict[str, str | int] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": self.request.model,
            "fastchat.request.id": self.request.id,
        }
        if self.usage is not None:
            told["gen_ai.usage.input_tokens"] = self.usage.prompt_tokens
            told["gen_ai.usage.output_tokens"] = self.usage.completion_tokens
        if self.error:
            told["error.type"] = self.error
        return told
