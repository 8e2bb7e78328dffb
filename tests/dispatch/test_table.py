from random import Random

import pytest

from fastchat.core.errors import NoWorker, UnknownModel
from fastchat.dispatch import Table
from fastchat.dispatch.table import REMEMBER_S, UNCONFIRMED_S
from fastchat.protocol.cluster import TableUpdate, WorkerEntry


def entry(address: str, *models: str, queue: float = 0, epoch: int | None = None) -> WorkerEntry:
    return WorkerEntry(
        address=address, model_names=models or ("m",), queue_length=queue, epoch=epoch
    )


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def table(now: list[float]) -> Table:
    return Table(lambda: now[0], Random(0), "shortest_queue")


def test_a_model_is_served_by_those_who_have_it(table: Table) -> None:
    table.put(entry("a", "m"))
    table.put(entry("b", "other"))
    lease = table.choose("m")
    assert lease.worker.address == "a"
    assert lease.dispatched.names == ("a",)


def test_the_dispatch_says_who_was_asked_and_how_busy_they_were(table: Table) -> None:
    table.put(entry("a", queue=2))
    table.put(entry("b", queue=0.5))
    assert str(table.choose("m").dispatched) == (
        "get_worker_address names: ['a', 'b'], queue_lens: [2.0, 0.5], ret: b"
    )


def test_requests_in_flight_count_until_the_worker_tells_its_own_load(table: Table) -> None:
    table.put(entry("a"))
    table.put(entry("b"))
    with table.hold(table.choose("m")):
        assert table.choose("m").worker.address == "b"
        table.put(entry("a", queue=1))
        assert table.choose("m").dispatched.queue_lens == (1.0, 0.0)
    assert table.choose("m").dispatched.queue_lens == (0.0, 0.0)


def test_a_dispatch_of_somebody_else_counts_until_the_next_heart_beat(table: Table) -> None:
    table.put(entry("a"))
    table.count("a")
    table.count("a")
    assert table.choose("m").dispatched.queue_lens == (2.0,)
    table.put(entry("a", queue=1))
    assert table.choose("m").dispatched.queue_lens == (1.0,)


def test_a_new_incarnation_starts_with_nothing_in_flight(table: Table) -> None:
    table.put(entry("a", epoch=1))
    with table.hold(table.choose("m")):
        table.put(entry("a", epoch=2))
        assert table.choose("m").dispatched.queue_lens == (0.0,)
    assert table.choose("m").dispatched.queue_lens == (0.0,)


def test_excluded_workers_are_not_chosen(table: Table) -> None:
    table.put(entry("a"))
    with pytest.raises(NoWorker):
        table.choose("m", excluding=["a"])


def test_an_unknown_model_names_those_that_are_known(table: Table) -> None:
    table.put(entry("a", "x", "y"))
    with pytest.raises(UnknownModel, match="Only x&&y allowed now, your model m"):
        table.choose("m")


def test_a_model_whose_workers_are_gone_is_missed_before_it_is_unknown(
    table: Table, now: list[float]
) -> None:
    table.put(entry("a"))
    table.drop("a")
    with pytest.raises(NoWorker):
        table.choose("m")
    now[0] += REMEMBER_S
    with pytest.raises(UnknownModel):
        table.choose("m")


def test_before_the_first_snapshot_no_model_is_called_unknown(now: list[float]) -> None:
    table = Table(lambda: now[0], Random(0), complete=False)
    with pytest.raises(NoWorker):
        table.choose("m")
    table.apply(TableUpdate(snapshot=True))
    with pytest.raises(UnknownModel):
        table.choose("m")


def test_a_snapshot_replaces_and_an_update_adds(table: Table) -> None:
    table.put(entry("a"))
    table.apply(TableUpdate(snapshot=True, dispatch_method="lottery", put=(entry("b"),)))
    assert [e.address for e in table.entries()] == ["b"]
    assert table.policy == "lottery"
    table.apply(TableUpdate(put=(entry("c"),), drop=("b",)))
    assert [e.address for e in table.entries()] == ["c"]


def test_a_controller_that_started_anew_does_not_cost_the_workers(
    table: Table, now: list[float]
) -> None:
    table.apply(TableUpdate(snapshot=True, epoch=1, put=(entry("a"), entry("b"))))
    table.apply(TableUpdate(snapshot=True, epoch=2))
    table.apply(TableUpdate(put=(entry("b"),)))
    assert [e.address for e in table.entries()] == ["a", "b"]
    now[0] += UNCONFIRMED_S + 1
    table.apply(TableUpdate())
    assert [e.address for e in table.entries()] == ["b"]


def test_the_same_controller_is_believed_when_it_drops(table: Table) -> None:
    table.apply(TableUpdate(snapshot=True, epoch=1, put=(entry("a"),)))
    table.apply(TableUpdate(snapshot=True, epoch=1))
    assert table.entries() == []


def test_a_policy_of_a_later_controller_is_left_alone(table: Table) -> None:
    table.apply(TableUpdate(snapshot=True, dispatch_method="clairvoyant"))
    assert table.policy == "shortest_queue"
