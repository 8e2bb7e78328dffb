"""What the API server says of a request when it has ended, and where its time went."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastchat.terminal.explain.lines import Line

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_ENDED = re.compile(
    r"request (?P<id>\S+): (?P<path>/\S*) key=(?P<key>.*?) "
    rf"model=(?P<model>{_QUOTED}|\S+) status=(?P<status>\d+) error=(?P<error>\S+) "
    r"worker=(?P<worker>\S+) tries=(?P<tries>\d+) migrations=(?P<migrations>\d+) "
    r"first_byte_ms=(?P<first>\S+) total_ms=(?P<total>\S+) at_worker=\[(?P<at_worker>.*?)\] "
    r"tokens=(?P<tokens>\S+)(?: troubles=\[(?P<troubles>.*)\])?"
    r"(?: trace=(?P<trace>[0-9a-f]{32}))?"
)
_PART = re.compile(r"(\w+);dur=([\d.]+)")
_TROUBLE = re.compile(r"(\S+) (\w+) ([\d.]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """A worker that was asked and did not answer to the end; when, since the request came."""

    worker: str
    outcome: str
    after_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """`queue_ms` and `worker_ms` are a worker's own account, until its first word; of the one whose
    word was the first."""

    id: str
    path: str
    key: str | None
    model: str
    status: int
    error_code: int | None
    worker: str | None
    tries: int
    migrations: int
    first_byte_ms: float | None
    total_ms: float
    queue_ms: float | None
    worker_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    troubles: tuple[Trouble, ...]
    trace_id: str | None = None

    def parts(self) -> Iterator[tuple[str, float]]:
        """What took how long, in milliseconds, in the order of time; together the total."""
        if self.first_byte_ms is None:
            yield "until it was given up", self.total_ms
            return
        before = [one.after_ms for one in self.troubles if one.after_ms < self.first_byte_ms]
        lost = max(before, default=0.0)
        if before:
            yield "lost at other workers", lost
        worker = min(self.worker_ms or 0.0, self.first_byte_ms - lost)
        yield "API server and the way to the worker", self.first_byte_ms - lost - worker
        if self.worker_ms is not None:
            queue = min(self.queue_ms or 0.0, worker)
            yield "wait for a slot", queue
            yield "worker, until its first word", worker - queue
        yield "the rest of the answer", self.total_ms - self.first_byte_ms

    @property
    def tokens_per_s(self) -> float | None:
        """While it was written, where that can be told."""
        if not self.completion_tokens or self.completion_tokens < 2 or self.first_byte_ms is None:
            return None
        writing_s = (self.total_ms - self.first_byte_ms) / 1e3
        return (self.completion_tokens - 1) / writing_s if writing_s > 0.001 else None


def ends(lines: Sequence[Line]) -> Iterator[tuple[Line, Course]]:
    """An id that a client gave may have been given more than once."""
    for line in lines:
        if (found := _ENDED.match(line.message)) is not None:
            yield line, _course(found.groupdict())


def _course(said: dict[str, Any]) -> Course:
    at_worker = {name: float(value) for name, value in _PART.findall(said["at_worker"])}
    prompt, _, completion = said["tokens"].partition("+")
    return Course(
        id=said["id"],
        path=said["path"],
        key=_known(said["key"]),
        model=_unquoted(said["model"]),
        status=int(said["status"]),
        error_code=_number(said["error"], int),
        worker=_known(said["worker"]),
        tries=int(said["tries"]),
        migrations=int(said["migrations"]),
        first_byte_ms=_number(said["first"], float),
        total_ms=float(said["total"]),
        queue_ms=at_worker.get("queue"),
        worker_ms=at_worker.get("worker"),
        prompt_tokens=_number(prompt, int),
        completion_tokens=_number(completion or "-", int),
        troubles=tuple(
            Trouble(worker=worker, outcome=outcome, after_ms=float(after))
            for worker, outcome, after in _TROUBLE.findall(said["troubles"] or "")
        ),
        trace_id=said["trace"],
    )


def _known(text: str) -> str | None:
    return None if text == "-" else text


def _number(text: str, kind: type[Any]) -> Any:
    return None if text == "-" else kind(text)


def _unquoted(model: str) -> str:
    try:
        return str(ast.literal_eval(model)) if model[:1] in "'\"" else model
    except (ValueError, SyntaxError):
        return model
