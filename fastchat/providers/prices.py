"""What tokens cost: a table with dates, and a file of the operator's that wins over it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from fastchat.core.errors import ConfigError
from fastchat.core.generation import Usage

TABLE = Path(__file__).with_name("prices.json")
# Models are named with the day of their making; their price is that of the others of the name.
_DATED = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2}|latest|v\d)$")

Dollars = Annotated[float, msgspec.Meta(ge=0)]


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Dollars for a million tokens. Cached ones cost as much as others unless it says so."""

    input: Dollars
    output: Dollars
    cached: Dollars | None = None
    as_of: str

    def microdollars(self, usage: Usage) -> int:
        cached = self.input if self.cached is None else self.cached
        fresh = max(0, usage.prompt_tokens - usage.cached_tokens)
        return round(
            fresh * self.input
            + usage.cached_tokens * cached
            + usage.completion_tokens * self.output
        )


Prices = Mapping[str, Price]


def read_prices(override: Path | None = None) -> Prices:
    """Raises `ConfigError`."""
    table = msgspec.json.decode(TABLE.read_bytes(), type=dict[str, Price])
    if override is None:
        return table
    try:
        return table | msgspec.json.decode(override.read_bytes(), type=dict[str, Price])
    except OSError as error:
        raise ConfigError(f"--price-file {override}: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            f"--price-file {override}: {error}. An entry is "
            '"NAME": {"input": 2.5, "output": 10, "as_of": "2026-01"}, in dollars for a million '
            "tokens"
        ) from None


def price_of(prices: Prices, *names: str) -> Price | None:
    """By the first of the names that has one, as it is or without its date."""
    for name in names:
        found = prices.get(name) or prices.get(_DATED.sub("", name))
        if found is not None:
            return found
    return None
