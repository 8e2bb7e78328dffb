"""Rates and quantiles from two readings of `/metrics`."""

import pytest

from fastchat.terminal.top.samples import Growth, Samples


def grown(before: str, now: str, seconds: float = 2) -> Growth:
    return Growth(before=Samples.of(before), now=Samples.of(now), seconds=seconds)


def test_a_rate_is_what_was_added_by_the_second() -> None:
    growth = grown('r_total{model="m"} 3\n', 'r_total{model="m"} 9\nr_total{model="n"} 1\n')
    assert growth.rates("r_total", "model") == {("m",): 3, ("n",): 0.5}
    assert growth.rates("r_total") == {(): 3.5}


def test_a_server_that_began_anew_counts_from_nothing() -> None:
    assert grown("r_total 100\n", "r_total 4\n").rates("r_total") == {(): 2}


def test_the_processes_of_one_server_are_one() -> None:
    samples = Samples.of('g{process="0"} 1\ng{process="1"} 2\n')
    assert samples.sums("g") == {(): 3}
    assert samples.highest("g") == {(): 2}


def test_a_quantile_lies_evenly_within_its_bucket() -> None:
    buckets = 't_bucket{{model="m",le="1"}} {}\nt_bucket{{model="m",le="2"}} {}\n'
    last = 't_bucket{{model="m",le="+Inf"}} {}\n'
    growth = grown((buckets + last).format(5, 5, 5), (buckets + last).format(5, 15, 16))
    assert growth.quantiles("t", 0.5, "model")["m"] == pytest.approx(1.55)
    assert growth.quantiles("t", 0.99, "model") == {"m": 2}  # no more than the last bound


def test_who_saw_nothing_new_has_no_quantile() -> None:
    text = 't_bucket{model="m",le="1"} 5\nt_bucket{model="m",le="+Inf"} 5\n'
    assert grown(text, text).quantiles("t", 0.5, "model") == {}
