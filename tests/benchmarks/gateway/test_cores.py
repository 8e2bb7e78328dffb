import pytest

from benchmarks.gateway.cores import pick


def test_two_cores_are_one_for_each_side() -> None:
    cores = pick([0, 1], [])
    assert (cores.gateway, cores.load, cores.pair) == ((0,), (1,), (0,))


def test_the_two_threads_of_one_core_do_not_get_a_side_each() -> None:
    siblings = [frozenset({0, 1}), frozenset({2, 3})]
    cores = pick([0, 1, 2, 3], siblings)
    assert (cores.gateway, cores.load) == ((0,), (2,))


def test_four_cores_leave_two_processes_a_core_each() -> None:
    cores = pick([0, 1, 2, 3], [])
    assert (cores.gateway, cores.load, cores.pair) == ((0,), (1, 3), (0, 2))


def test_two_threads_of_the_only_core_are_better_than_nothing() -> None:
    cores = pick([4, 5], [frozenset({4, 5})])
    assert (cores.gateway, cores.load) == ((4,), (5,))


def test_one_core_is_refused() -> None:
    with pytest.raises(SystemExit, match="one core only"):
        pick([0], [])
