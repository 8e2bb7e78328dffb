"""What several processes have in common, and what becomes of it when one of them ends or stops."""

import logging
import os
import signal
from collections.abc import Callable

import pytest

from fastchat.core.board import Board, Place

# Newer Pythons warn of a fork where there are threads; a child of ours runs nothing of theirs.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def forked(work: Callable[[], None]) -> int:
    """Its process, which is killed should it come back from `work` by an exception."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return pid


def test_a_name_is_the_same_place_for_all() -> None:
    board = Board(2)
    mine, theirs = board.place("a", 1), board.place("a", 2)
    other = board.place("b", 2)
    mine.numbers[0] = 2.5
    mine.tell(3)
    assert (theirs.numbers[0], theirs.others(), mine.others()) == (2.5, 3, 0)
    assert (other.numbers[0], other.others()) == (0, 0)


def test_a_place_that_all_have_left_is_another_names() -> None:
    board = Board(2, places=1)
    mine, theirs = board.place("a", 1), board.place("a", 2)
    mine.numbers[0] = 1
    mine.leave()
    mine.numbers[0] = 9
    assert theirs.numbers[0] == 1
    theirs.leave()
    assert board.place("b", 1).is_shared
    assert board.place("b", 2).numbers[0] == 0


def test_beyond_its_room_everybody_counts_alone(caplog: pytest.LogCaptureFixture) -> None:
    board = Board(2, places=1)
    board.place("a", 1)
    with caplog.at_level(logging.ERROR):
        alone = [board.place(name, 2) for name in "bc"]
    assert not any(place.is_shared for place in alone)
    assert len(caplog.records) == 1


def test_what_a_process_that_ended_had_is_struck_out() -> None:
    board = Board(2)
    place, left = board.place("a", 1), board.place("a", 2)
    board.place("b", 2)
    left.tell(4)
    assert place.others() == 4
    board.strike_out(2)
    assert place.others() == 0
    assert board.place("c", 1).others() == 0, "the place that was b's"


def test_processes_count_together_without_losing_any() -> None:
    board = Board(3, patience_s=60)

    def count(process: int) -> None:
        place = board.place("a", process)
        for _ in range(500):
            with place.lock:
                place.numbers[0] += 1

    for pid in [forked(lambda number=number: count(number)) for number in (1, 2)]:  # type: ignore[misc]
        assert os.waitpid(pid, 0)[1] == 0
    count(3)
    assert board.place("a", 3).numbers[0] == 1500


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSTOP])
def test_nobody_waits_for_a_process_that_ended_or_stopped(ending: signal.Signals) -> None:
    board = Board(2)

    def hold() -> None:
        with board.place("a", 1).lock:
            os.kill(os.getpid(), ending)

    pid = forked(hold)
    os.waitpid(pid, os.WUNTRACED)
    place = board.place("a", 2)
    with place.lock:
        place.numbers[0] = 1
    if ending is signal.SIGSTOP:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_who_cannot_have_the_names_counts_alone(caplog: pytest.LogCaptureFixture) -> None:
    board = Board(2)
    mine = board.place("a", 1)

    def hold() -> None:
        board._names.take()
        os.kill(os.getpid(), signal.SIGSTOP)

    pid = forked(hold)
    os.waitpid(pid, os.WUNTRACED)
    with caplog.at_level(logging.ERROR):
        assert not board.place("b", 1).is_shared
    mine.leave()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert board.place("a", 1).is_shared
    assert "holds the names" in caplog.text


def test_one_that_is_alone_has_all_to_itself() -> None:
    place = Place()
    place.tell(5)
    with place.lock:
        place.numbers[4] += 1
    place.leave()
    assert (place.others(), place.numbers[4], Place().numbers[4]) == (0, 1, 0)
