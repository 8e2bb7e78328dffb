"""From a file of endpoints to engines: what an API server, a page and a worker begin with."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from fastchat.core.errors import ConfigError
from fastchat.core.generation import Engine
from fastchat.providers import PROVIDERS
from fastchat.providers.endpoint import Endpoint
from fastchat.providers.endpoints_file import read_endpoints
from fastchat.providers.metered import MeteredEngine
from fastchat.providers.prices import Prices, price_of, read_prices
from fastchat.providers.quota import Quota

SILENCE_S = 100.0


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """Its quota is one, however many engines are opened."""

    endpoint: Endpoint
    quota: Quota

    def open(self, session: aiohttp.ClientSession, silence_s: float = SILENCE_S) -> Engine:
        """`session` stays open as long as the engine is used; the engine does not close it."""
        create = PROVIDERS.load(self.endpoint.vendor.provider)
        engine = create(self.endpoint, session, silence_s)
        return MeteredEngine(engine, self.endpoint, self.quota)


def remote_models(
    path: Path,
    price_file: Path | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    wall_clock: Callable[[], float] = time.time,
) -> Sequence[RemoteModel]:
    """The models of `--register-api-endpoint-file`. Raises `ConfigError`."""
    prices = read_prices(price_file)
    return [
        RemoteModel(endpoint, _quota(endpoint, prices, clock, wall_clock))
        for endpoint in read_endpoints(path)
    ]


def _quota(
    endpoint: Endpoint,
    prices: Prices,
    clock: Callable[[], float],
    wall_clock: Callable[[], float],
) -> Quota:
    price = price_of(prices, endpoint.name, endpoint.model_name)
    if endpoint.limits.dollars_per_day is not None and price is None:
        raise ConfigError(
            f"{endpoint.name!r} has dollars_per_day, and no price is known for it: "
            "give one with --price-file"
        )
    return Quota(endpoint.limits, price, clock, wall_clock)
