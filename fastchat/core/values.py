"""Words of a command line as values. Each parser raises ValueError with a reason and a remedy."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What a number may be. None: no bound on that side."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None

    def check(self, number: float) -> None:
        """Raises ValueError. What is not finite is out of every bounds."""
        if not math.isfinite(number):
            raise ValueError(f"{number} is not a number to work with: give {self}")
        too_small = (self.at_least is not None and number < self.at_least) or (
            self.above is not None and number <= self.above
        )
        too_large = self.at_most is not None and number > self.at_most
        if too_small or too_large:
            size = "small" if too_small else "large"
            raise ValueError(f"{number} is too {size}: give {self}")

    def __str__(self) -> str:
        if self.at_least is not None and self.at_most is not None:
            return f"a number from {self.at_least} to {self.at_most}"
        said = (("of at least", self.at_least), ("above", self.above), ("of at most", self.at_most))
        bounds = [f"{words} {bound}" for words, bound in said if bound is not None]
        return f"a number {' and '.join(bounds)}".rstrip()


def number(kind: type[int] | type[float], bounds: Bounds) -> Callable[[str], float]:
    def parsed(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            what = "whole number" if kind is int else "number"
            raise ValueError(f"{text!r} is not a {what}: give {bounds}") from None
        bounds.check(value)
        return value

    return parsed


def http_url(text: str) -> str:
    """The address of a server. Nothing may follow that a path cannot be added to."""
    remedy = "give one such as http://127.0.0.1:21001"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{text!r} is not a URL with http:// or https:// and a host: {remedy}")
    if parts.query or parts.fragment or any(character.isspace() for character in text):
        raise ValueError(f"{text!r} has more in it than an address: {remedy}")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"{text!r} has a port that is not from 1 to 65535: {remedy}")
    return text
