"""Spans and figures of requests as values, and W3C's `traceparent`, which links spans between
processes."""

import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple

from fastchat.core.config import flag
from fastchat.core.genai import Operation
from fastchat.core.values import http_url

HEADER = b"traceparent"
_WRITTEN = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)

Told = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, kw_only=True)
class TraceFlags:
    otlp_endpoint: str | None = flag(
        None,
        help="send traces and GenAI figures of requests to this collector, by OTLP over HTTP "
        "(extra otel)",
        env="OTEL_EXPORTER_OTLP_ENDPOINT",
        metavar="URL",
        parse=lambda text: http_url(text) if text else None,
    )


class Place(NamedTuple):
    """A span, for those that it is the parent of."""

    trace_id: int
    span_id: int
    sampled: bool = True

    @property
    def header(self) -> bytes:
        return b"00-%032x-%016x-%02x" % (self.trace_id, self.span_id, self.sampled)


class Opened(NamedTuple):
    """A span that has begun: where it is, and below what."""

    place: Place
    parent: Place | None


class Event(NamedTuple):
    name: str
    at: float
    told: Told = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Times in seconds since 1970. `error` is empty when all went well."""

    name: str
    opened: Opened
    kind: Literal["server", "internal", "client"]
    began: float
    ended: float
    told: Told
    events: tuple[Event, ...] = ()
    error: str = ""


async def _nothing() -> None:
    """Nothing is open."""


def _uncounted(operation: Operation) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracing:
    """`record` takes a span that has ended, at once, and `measure` the figures of a request. `lost`
    says how many spans could not be sent; `aclose` sends what is left."""

    record: Callable[[Span], None]
    measure: Callable[[Operation], None] = _uncounted
    lost: Callable[[], int] = lambda: 0
    aclose: Callable[[], Awaitable[None]] = _nothing
    bits: Callable[[int], int] = field(default_factory=lambda: random.SystemRandom().getrandbits)
    wall_clock: Callable[[], float] = time.time

    def open(self, traceparent: bytes | None = None) -> Opened:
        """Below the caller's span if it names one; else a trace begins."""
        parent = place_of(traceparent)
        if parent is None:
            return Opened(Place(self.bits(128) | 1, self.bits(64) | 1), None)
        return self.below(parent)

    def below(self, parent: Place) -> Opened:
        return Opened(parent._replace(span_id=self.bits(64) | 1), parent)

    def told(self, span: Span) -> None:
        """Unless whoever began the trace wants none of it."""
        if span.opened.place.sampled:
            self.record(span)


def place_of(traceparent: bytes | None) -> Place | None:
    """What W3C's recommendation lets one read of it; None: it is as if there was none."""
    found = None if traceparent is None else _WRITTEN.fullmatch(traceparent.strip())
    if found is None or found[1] == b"ff" or (found[1] == b"00" and found[5] is not None):
        return None
    trace_id, span_id = int(found[2], 16), int(found[3], 16)
    if not trace_id or not span_id:
        return None
    return Place(trace_id, span_id, bool(int(found[4], 16) & 1))
