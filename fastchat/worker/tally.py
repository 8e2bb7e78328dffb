"""What a request costs a worker: its tokens, its wait for a slot and its time, told to who asks."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from fastchat.core.generation import Chunk, GenerationRequest, Usage
from fastchat.protocol.counts import HEADER, comment, written
from fastchat.worker.shell import Shell


@dataclass(slots=True)
class Tally:
    """Generates as the shell does, and keeps count of all choices of one request. `headers` are
    true when they are read: the first chunk has come, or the last. `until` is the request's
    deadline, by the same clock."""

    shell: Shell
    clock: Callable[[], float]
    wants_counts: bool
    until: float | None = None
    headers: dict[str, str] = field(default_factory=dict)
    _usages: dict[int, Usage] = field(default_factory=dict)
    _began: float = field(init=False)
    _waited_s: float = 0.0

    def __post_init__(self) -> None:
        self._began = self.clock()

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        choice = len(self._usages)
        self._usages[choice] = Usage()
        async with aclosing(self._chunks(request)) as chunks:
            async for chunk in chunks:
                self._usages[choice] = chunk.usage
                if chunk.finish_reason is not None or "server-timing" not in self.headers:
                    self._note()
                yield chunk

    async def with_counts(self, events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async with aclosing(events):
            async for event in events:
                yield event
        if self.wants_counts:
            yield comment(self._total())

    def _chunks(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        return self.shell.generate(request, begun=self._slot_had, until=self.until)

    def _slot_had(self) -> None:
        self._waited_s = max(self._waited_s, self.clock() - self._began)

    def _note(self) -> None:
        waited_ms, took_ms = self._waited_s * 1e3, (self.clock() - self._began) * 1e3
        self.headers["server-timing"] = f"queue;dur={waited_ms:.1f}, worker;dur={took_ms:.1f}"
        if self.wants_counts:
            self.headers[HEADER] = written(self._total())

    def _total(self) -> Usage:
        usages = self._usages.values()
        return Usage(
            prompt_tokens=sum(usage.prompt_tokens for usage in usages),
            completion_tokens=sum(usage.completion_tokens for usage in usages),
            cached_tokens=sum(usage.cached_tokens for usage in usages),
        )
