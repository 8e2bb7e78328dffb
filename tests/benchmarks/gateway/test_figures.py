import pytest

from benchmarks.gateway import figures
from benchmarks.gateway.figures import Take, figures_of
from benchmarks.gateway.gateways import OURS
from benchmarks.gateway.rounds import Round
from tests.benchmarks.gateway.rounds import one_round, run


def _take(words: str) -> Take:
    (found,) = [figure for figure in figures_of(OURS) if words in figure.name]
    return found.take


def test_cpu_against_nginx_is_per_request_and_within_a_round() -> None:
    one = one_round(
        fastchat_c32=run(cpu_s=1.0, answered=1000), nginx_c32=run(cpu_s=1.0, answered=2000)
    )
    assert _take("c32: CPU against nginx")(one) == 2


def test_a_peer_that_costs_more_makes_us_cheaper() -> None:
    one = one_round(**{"fastchat_c32": run(cpu_s=0.1), "litellm_c32": run(cpu_s=40.0)})
    assert _take("cheaper than litellm")(one) == pytest.approx(400)


def test_the_first_chunk_counts_from_nginx_on() -> None:
    one = one_round(fastchat_s1=run(p50=260.0), nginx_s1=run(p50=160.0))
    assert _take("first chunk")(one) == 100


def test_a_peer_that_did_not_run_leaves_no_figure() -> None:
    one = one_round(fastchat_c32=run())
    assert _take("cheaper than litellm")(one) is None
    assert figures.over([one, one], _take("cheaper than litellm")) is None


def test_a_gateway_that_answered_nothing_has_no_price() -> None:
    one = one_round(fastchat_c32=run(answered=0), nginx_c32=run())
    assert _take("c32: CPU against nginx")(one) is None


def test_rounds_without_a_figure_are_left_out_of_its_spread() -> None:
    rounds = [one_round(fastchat_flood=run()), Round(runs={}, peak_mb={})]
    seen = figures.over(rounds, _take("delivered"))
    assert seen is not None
    assert (seen.median, seen.rounds) == (99, 1)
