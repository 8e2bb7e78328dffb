from fastchat.cluster.board.readings import Readings
from fastchat.cluster.board.rows import Row, rows
from fastchat.cluster.status import Status
from fastchat.protocol.cluster import WorkerEntry, WorkerLoad
from tests.cluster.board.platforms import SINCE, running

LOAD = WorkerLoad(running=2, waiting=3, slots=5, completion_tokens=99, tokens_per_s=12.5)


def row(process: str, found: tuple[Row, ...]) -> Row:
    return next(row for row in found if row.process == process)


def test_every_process_has_a_row_in_the_order_of_the_plan() -> None:
    found = rows(running(), Readings(), now=SINCE)
    assert [one.process for one in found] == [
        *("controller", "model_worker_31000", "model_worker_31001", "openai_api_server"),
    ]
    assert found[1].models == ("small",)
    assert found[0].requests is found[0].tokens_per_s is None


def test_a_worker_shows_what_it_was_asked_for() -> None:
    readings = Readings(loads={"http://127.0.0.1:31001": LOAD})
    worker = row("model_worker_31001", rows(running(), readings, now=SINCE))
    assert (worker.requests, worker.slots, worker.tokens_per_s) == (5, 5, 12.5)


def test_a_pause_counts_down_and_says_why() -> None:
    dead = Status(
        process="model_worker_31000",
        state="restarting",
        restarts=2,
        reason="was killed by SIGKILL",
        pause_s=8.0,
    )
    left = [
        row("model_worker_31000", rows(running(dead), Readings(), now=SINCE + s)).next_start_s
        for s in (0, 3, 99)
    ]
    assert left == [8.0, 5.0, 0.0]
    shown = row("model_worker_31000", rows(running(dead), Readings(), now=SINCE))
    assert (shown.restarts, shown.note) == (2, "was killed by SIGKILL")


def test_a_long_start_has_its_full_age() -> None:
    slow = Status(process="model_worker_31000", state="starting", pid=7, took_s=30.0)
    readings = Readings(loaded={"model_worker_31000": 0.4})
    worker = row("model_worker_31000", rows(running(slow), readings, now=SINCE + 5))
    assert (worker.since_s, worker.loaded) == (35.0, 0.4)


def test_a_worker_of_another_machine_has_a_row() -> None:
    entry = WorkerEntry(address="http://10.0.0.9:31000", model_names=("big",), queue_length=4)
    ours = WorkerEntry(address="http://127.0.0.1:31000", model_names=("small",))
    found = rows(running(), Readings(table=(entry, ours)), now=SINCE)
    assert len(found) == 5
    assert (found[-1].state, found[-1].address) == ("elsewhere", "http://10.0.0.9:31000")
    assert (found[-1].requests, found[-1].models) == (4, ("big",))
