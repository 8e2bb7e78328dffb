"""What a process tells of the money that it spends at providers."""

import time

import pytest

from fastchat.core.generation import Usage
from fastchat.core.metrics import Figures, exposed, registry
from fastchat.providers.endpoint import Limits
from fastchat.providers.figures import show_spend
from fastchat.providers.opening import RemoteModel
from fastchat.providers.prices import Price
from fastchat.providers.quota import DAY_S, Quota
from tests.exposition import Told
from tests.providers.fakes import endpoint

SPEND, BUDGET = "provider_spend_dollars_total", "provider_day_budget_spent_ratio"
PRICE = Price(input=2, cached=1, output=10, as_of="2026-01")
HALF_A_DOLLAR = Usage(prompt_tokens=100_000, cached_tokens=50_000, completion_tokens=35_000)


class Day:
    """When it is, in days."""

    now = 100.0

    def __call__(self) -> float:
        return self.now * DAY_S


def remote(day: Day, price: Price | None = PRICE, **limits: float) -> RemoteModel:
    one = endpoint("openai", "http://x", limits=Limits(dollars_per_day=limits.get("dollars")))
    return RemoteModel(one, Quota(one.limits, price, time.monotonic, day))


def told(model: RemoteModel) -> Told:
    figures = Figures()
    show_spend(figures, [model])
    return Told(exposed(registry(figures)).decode())


def test_dollars_add_up_over_days_and_the_budget_begins_anew() -> None:
    day = Day()
    model = remote(day, dollars=2)
    for _ in range(3):
        model.quota.spend(HALF_A_DOLLAR)
    now = told(model)
    assert now.value(SPEND, model="ours") == pytest.approx(1.5)
    assert now.value(BUDGET, model="ours") == pytest.approx(0.75)
    day.now += 1
    now = told(model)
    assert now.value(SPEND, model="ours") == pytest.approx(1.5)
    assert now.value(BUDGET, model="ours") == 0


def test_a_model_without_a_price_is_not_said_to_cost_nothing() -> None:
    model = remote(Day(), price=None)
    model.quota.spend(HALF_A_DOLLAR)
    assert told(model).labels(SPEND, "model") == set()


def test_a_model_with_a_price_is_there_before_it_is_asked() -> None:
    now = told(remote(Day()))
    assert now.value(SPEND, model="ours") == 0
    assert now.labels(BUDGET, "model") == set()


def test_a_budget_of_nothing_is_spent() -> None:
    assert told(remote(Day(), dollars=0)).value(BUDGET, model="ours") == 1
