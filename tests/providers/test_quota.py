"""What may be asked of a provider, and what it costs."""

import json
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest

from fastchat.core.errors import ConfigError, Overloaded, PlatformError, Unsupported
from fastchat.core.generation import Chunk, Feature, GenerationRequest, Sampling, Usage, collect
from fastchat.providers.endpoint import Limits
from fastchat.providers.metered import MeteredEngine
from fastchat.providers.opening import remote_models
from fastchat.providers.prices import Price, price_of, read_prices
from fastchat.providers.quota import Quota
from tests.providers.fakes import endpoint, request

PRICE = Price(input=2, cached=1, output=10, as_of="2026-01")
NOON = 1_800_000_000 // 86400 * 86400 + 43200


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Answering:
    """Says the same, or fails."""

    model_names: Sequence[str] = ("ours",)
    features: frozenset[Feature] = frozenset(["chat"])

    def __init__(self, usage: Usage, error: PlatformError | None = None) -> None:
        self.usage, self.error = usage, error
        self.asked = 0

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        yield Chunk(text="hello", usage=self.usage, finish_reason="stop")

    async def aclose(self) -> None:
        """Nothing is held."""


def _metered(clock: Clock, engine: Answering, **limits: Any) -> MeteredEngine:
    one = endpoint("openai", "http://x", limits=Limits(**limits))
    quota = Quota(one.limits, PRICE, clock, lambda: NOON + clock.now - 1000)
    return MeteredEngine(engine, one, quota)


async def _refused(engine: MeteredEngine) -> Overloaded:
    with pytest.raises(Overloaded) as caught:
        await collect(engine.generate(request()))
    return caught.value


async def test_requests_of_a_minute_are_counted() -> None:
    clock, behind = Clock(), Answering(Usage())
    engine = _metered(clock, behind, requests_per_minute=2)
    for _ in range(2):
        await collect(engine.generate(request()))
        clock.now += 10
    error = await _refused(engine)
    assert (error.retry_after_s, behind.asked) == (40, 2)
    assert "2 requests a minute" in error.message
    clock.now += error.retry_after_s or 0
    await collect(engine.generate(request()))


async def test_tokens_of_a_minute_are_counted_when_they_are_spent() -> None:
    clock = Clock()
    behind = Answering(Usage(prompt_tokens=60, completion_tokens=40))
    engine = _metered(clock, behind, tokens_per_minute=150)
    for _ in range(2):
        await collect(engine.generate(request()))
    assert (await _refused(engine)).retry_after_s == 60
    clock.now += 60
    await collect(engine.generate(request()))


async def test_money_is_counted_by_the_day() -> None:
    clock = Clock()
    behind = Answering(Usage(prompt_tokens=100_000, cached_tokens=50_000, completion_tokens=35_000))
    engine = _metered(clock, behind, dollars_per_day=1)  # each costs 0.50
    for _ in range(2):
        await collect(engine.generate(request()))
    assert (await _refused(engine)).retry_after_s == 43200
    clock.now += 43200
    await collect(engine.generate(request()))


async def test_who_says_to_come_later_is_not_asked_before() -> None:
    clock = Clock()
    behind = Answering(Usage(), Overloaded("too many", retry_after_s=7))
    engine = _metered(clock, behind)
    assert (await _refused(engine)).message == "too many"
    clock.now += 5
    assert (await _refused(engine)).retry_after_s == 2
    assert behind.asked == 1
    clock.now += 2
    await _refused(engine)
    assert behind.asked == 2


async def test_what_a_provider_cannot_do_is_refused_by_name() -> None:
    behind = Answering(Usage())
    engine = _metered(Clock(), behind)
    with pytest.raises(Unsupported, match="seed"):
        await collect(engine.generate(request(sampling=Sampling(seed=1))))
    assert behind.asked == 0


def test_a_price_is_found_without_the_day_of_the_model() -> None:
    prices = read_prices()
    assert price_of(prices, "claude-3-opus", "claude-3-opus-20240229") == prices["claude-3-opus"]
    assert price_of(prices, "gpt-4o-2024-08-06") == prices["gpt-4o"]
    assert price_of(prices, "gpt-4o-realtime") is None
    assert all(price.as_of >= "2025-01" for price in prices.values())


def test_the_operators_prices_win(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"gpt-4": {"input": 1, "output": 2, "as_of": "2027-01"}}))
    assert read_prices(path)["gpt-4"].output == 2
    path.write_text('{"gpt-4": {"input": -1, "output": 2, "as_of": "x"}}')
    with pytest.raises(ConfigError, match="--price-file"):
        read_prices(path)


def test_a_budget_without_a_price_is_refused(tmp_path: Path) -> None:
    entry = {"model_name": "new", "api_type": "openai", "api_key": "k", "dollars_per_day": 1}
    path = tmp_path / "api_endpoints.json"
    path.write_text(json.dumps({"new": entry}))
    with pytest.raises(ConfigError, match="no price is known"):
        remote_models(path)
