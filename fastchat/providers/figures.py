"""What providers cost, for Prometheus: of the requests that this process made."""

from collections.abc import Iterable, Mapping

from fastchat.core.metrics import Figures
from fastchat.providers.opening import RemoteModel
from fastchat.providers.quota import Quota


def show_spend(figures: Figures, models: Iterable[RemoteModel]) -> None:
    """Under the same names in every process that asks providers, so that they can be added up."""
    quotas = {one.endpoint.name: one.quota for one in models}
    figures.gauge(
        "provider_spend_dollars",
        "What models of providers cost that this process asked, by our prices.",
        lambda: _dollars(quotas),
        "model",
        rises=True,
    )
    figures.gauge(
        "provider_day_budget_spent_ratio",
        "The part of `dollars_per_day` spent today (UTC), here and by others over the database.",
        lambda: _of_the_day(quotas),
        "model",
    )


def _dollars(quotas: Mapping[str, Quota]) -> Mapping[tuple[str, ...], float]:
    """Without those whose price nobody knows: they do not cost nothing."""
    return {
        (model,): quota.microdollars / 1e6
        for model, quota in quotas.items()
        if quota.price is not None
    }


def _of_the_day(quotas: Mapping[str, Quota]) -> Mapping[tuple[str, ...], float]:
    told = {(model,): quota.day_spent_ratio for model, quota in quotas.items()}
    return {labels: ratio for labels, ratio in told.items() if ratio is not None}
