"""How a request went through the gateway, and where its time went."""

import logging
from collections.abc import Callable
from typing import NamedTuple

from fastchat.core.generation import Usage

logger = logging.getLogger("openai_api_server")


class Passage(NamedTuple):
    """Times in seconds since the request had come. `first_byte_s` is None when no worker answered;
    `at_worker` is the worker's own account of its time, as `Server-Timing` writes it. `status` is
    the last that was said: 499 when the client left before its answer had ended, that of the error
    when a stream was broken off."""

    id: str
    path: str
    model: str
    status: int
    worker: str
    tries: int
    first_byte_s: float | None
    total_s: float
    at_worker: str
    counts: Usage | None


Account = Callable[[Passage], None]


def log(passage: Passage) -> None:
    """One line that says where the time went."""
    first, counts = passage.first_byte_s, passage.counts
    logger.info(
        "request %s: %s model=%s status=%d worker=%s tries=%d first_byte_ms=%s total_ms=%.1f "
        "at_worker=[%s] tokens=%s",
        passage.id,
        passage.path,
        passage.model,
        passage.status,
        passage.worker or "-",
        passage.tries,
        "-" if first is None else f"{first * 1e3:.1f}",
        passage.total_s * 1e3,
        passage.at_worker,
        "-" if counts is None else f"{counts.prompt_tokens}+{counts.completion_tokens}",
    )
