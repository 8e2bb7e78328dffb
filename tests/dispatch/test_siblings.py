"""Two tables of two processes on one port: what one does, the other knows."""

from functools import partial
from random import Random

import pytest

from fastchat.core.board import Board
from fastchat.core.errors import Overloaded
from fastchat.dispatch import Table
from fastchat.dispatch.breaker import COOL_DOWN_S, MOST_FAILURES
from fastchat.dispatch.table import REFRESH_S
from tests.dispatch.test_table import ask, chosen, entry, fail


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
def board() -> Board:
    return Board(2)


@pytest.fixture
def tables(now: list[float], board: Board) -> list[Table]:
    return [
        Table(
            lambda: now[0],
            Random(0),
            "shortest_queue",
            find_place=partial(board.place, process=process),
        )
        for process in (1, 2)
    ]


def test_a_worker_that_one_has_filled_is_full_for_the_other(tables: list[Table]) -> None:
    one, other = tables
    for table in tables:
        table.put(entry("a", capacity=2))
    leases = [one.choose("m") for _ in range(2)]
    for lease in leases:
        one.take(lease)
    with pytest.raises(Overloaded):
        other.choose("m")
    one.release(leases[0])
    assert other.choose("m").worker.address == "a"


def test_the_other_goes_where_there_is_room(tables: list[Table], now: list[float]) -> None:
    one, other = tables
    for table in tables:
        table.put(entry("a", speed=1))
    one.take(one.choose("m"))
    for table in tables:
        table.put(entry("b"))
    now[0] += REFRESH_S
    lease = other.choose("m")
    assert lease.worker.address == "b"
    assert lease.dispatched.queue_lens == (1, 0)


def test_what_the_worker_tells_of_siblings_is_not_counted_twice(
    tables: list[Table], now: list[float]
) -> None:
    one, other = tables
    for table in tables:
        table.put(entry("a", epoch=1))
    one.take(one.choose("m"))
    other.put(entry("a", epoch=1, queue=1))
    assert other.choose("m").dispatched.queue_lens == (1,)


def test_what_fails_for_one_is_left_alone_by_the_other(
    tables: list[Table], now: list[float]
) -> None:
    one, other = tables
    for table in tables:
        table.put(entry("a"))
        table.put(entry("b"))
    fail(one, "a")
    now[0] += REFRESH_S
    assert chosen(other) == {"b"}


def test_failures_in_a_row_are_those_of_both(tables: list[Table], now: list[float]) -> None:
    for table in tables:
        table.put(entry("a"))
        table.put(entry("b"))
    for number in range(MOST_FAILURES):
        table = tables[number % 2]
        table.report(table.choose("m", excluding=["b"]), "failed")
    now[0] += REFRESH_S
    assert [chosen(table) for table in tables] == [{"b"}, {"b"}]


def test_one_trial_is_for_both(tables: list[Table], now: list[float]) -> None:
    one, other = tables
    for table in tables:
        table.put(entry("a"))
        table.put(entry("b"))
    fail(one, "a")
    now[0] += COOL_DOWN_S
    on_trial = one.choose("m", excluding=["b"])
    assert chosen(other) == {"b"}
    one.report(on_trial, "ok")
    now[0] += REFRESH_S
    assert "a" in chosen(other)


def test_what_a_dead_process_had_in_flight_is_over(
    tables: list[Table], board: Board, now: list[float]
) -> None:
    one, other = tables
    for table in tables:
        table.put(entry("a", capacity=1))
    one.take(one.choose("m"))
    board.strike_out(1)
    assert ask(other).worker.address == "a"


def test_a_new_incarnation_owes_nothing_to_the_old(tables: list[Table]) -> None:
    one, other = tables
    for table in tables:
        table.put(entry("a", epoch=1, capacity=1))
    old = one.choose("m")
    one.take(old)
    for table in tables:
        table.put(entry("a", epoch=2, capacity=1))
    assert other.choose("m").worker.epoch == 2
    one.release(old)
    assert other.choose("m").dispatched.queue_lens == (0,)
