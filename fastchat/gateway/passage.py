"""How a request went through the gateway, and where its time went."""

import logging
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from fastchat.core.generation import Usage
from fastchat.core.tracing import Opened
from fastchat.dispatch import Outcome
from fastchat.gateway.callers import Caller

logger = logging.getLogger("openai_api_server")


class Trouble(NamedTuple):
    """A worker that was asked and did not answer to the end; `after_s` since the request came."""

    worker: str
    outcome: Outcome
    after_s: float

    def __str__(self) -> str:
        return f"{self.worker} {self.outcome} {self.after_s * 1e3:.1f}"


class Apart(NamedTuple):
    """A call to somebody who tells nothing of it himself: a provider, a worker of 0.2.36. Times
    since the request came."""

    worker: str
    model: str
    after_s: float
    until_s: float


class Passage(msgspec.Struct, frozen=True):
    """Times in seconds since the request had come. `first_byte_s` is None when no worker answered;
    `at_worker` is the worker's own account of its time, as `Server-Timing` writes it. `status` is
    the last that was said: 499 when the client left before its answer had ended, that of the error
    when a stream was broken off; `error_code` is the number in that error. `model` is empty when
    the request was refused before it was read, and the one asked for otherwise. `key` names the
    API key without giving it away. Of the `tries`, so many were `migrations` of a stream that had
    begun; the first one is neither that nor a retry."""

    id: str
    path: str
    key: str | None
    model: str
    stream: bool
    status: int
    error_code: int | None
    worker: str
    tries: int
    migrations: int
    first_byte_s: float | None
    total_s: float
    at_worker: str
    counts: Usage | None
    caller: Caller | None = None
    troubles: tuple[Trouble, ...] = ()
    trace: Opened | None = None
    apart: tuple[Apart, ...] = ()

    @property
    def retries(self) -> int:
        return max(0, self.tries - 1 - self.migrations)


Account = Callable[[Passage], None]


def each(*accounts: Account) -> Account:
    """Tell all of them."""
    if len(accounts) == 1:
        return accounts[0]

    def account(passage: Passage) -> None:
        for one in accounts:
            one(passage)

    return account


def log(passage: Passage) -> None:
    """One line that says where the time went."""
    first, counts = passage.first_byte_s, passage.counts
    told: dict[str, object] = {
        "request_id": passage.id,
        "path": passage.path,
        "key": passage.key,
        "model": passage.model,
        "status": passage.status,
        "error_code": passage.error_code,
        "worker": passage.worker,
        "tries": passage.tries,
        "migrations": passage.migrations,
        "first_byte_ms": None if first is None else round(first * 1e3, 1),
        "total_ms": round(passage.total_s * 1e3, 1),
        "at_worker": passage.at_worker,
        "troubles": [str(one) for one in passage.troubles],
    }
    trace = ""
    if passage.trace is not None:
        told["trace_id"] = f"{passage.trace.place.trace_id:032x}"
        trace = f" trace={told['trace_id']}"
    if counts is not None:
        told |= {
            "prompt_tokens": counts.prompt_tokens,
            "completion_tokens": counts.completion_tokens,
        }
    logger.info(
        "request %s: %s key=%s model=%s status=%d error=%s worker=%s tries=%d migrations=%d "
        "first_byte_ms=%s total_ms=%.1f at_worker=[%s] tokens=%s troubles=[%s]%s",
        passage.id,
        passage.path,
        passage.key or "-",
        escaped(passage.model) or "-",
        passage.status,
        passage.error_code or "-",
        passage.worker or "-",
        passage.tries,
        passage.migrations,
        "-" if first is None else f"{first * 1e3:.1f}",
        passage.total_s * 1e3,
        passage.at_worker,
        "-" if counts is None else f"{counts.prompt_tokens}+{counts.completion_tokens}",
        ", ".join(map(str, passage.troubles)),
        trace,
        extra=told,
    )


def escaped(model: str) -> str:
    """Any client can name any model: what it says must not look like a line or a field of ours."""
    return model if model.isprintable() and " " not in model else repr(model)
