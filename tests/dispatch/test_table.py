from random import Random

import pytest

from fastchat.core.errors import NoWorker, Overloaded, UnknownModel
from fastchat.dispatch import Lease, Outcome, RetryBudget, Table
from fastchat.dispatch.breaker import COOL_DOWN_S, MOST_FAILURES
from fastchat.dispatch.row import BEATS_MISSED_S, FULL_S, SILENT_S, WARM_UP_S
from fastchat.dispatch.table import REFRESH_S, REMEMBER_S, UNCONFIRMED_S
from fastchat.protocol.cluster import TableUpdate, WorkerEntry


def entry(
    address: str,
    *models: str,
    queue: float = 0,
    epoch: int | None = None,
    speed: float = 1,
    capacity: float | None = None,
    wait_s: float | None = None,
) -> WorkerEntry:
    return WorkerEntry(
        address=address,
        model_names=models or ("m",),
        queue_length=queue,
        epoch=epoch,
        speed=speed,
        capacity=capacity,
        wait_s=wait_s,
    )


def ask(table: Table, outcome: Outcome = "ok") -> Lease:
    """One request from its choice to its end."""
    lease = table.choose("m")
    with table.hold(lease):
        table.report(lease, outcome)
    return lease


def fail(table: Table, address: str) -> None:
    """Requests fail at this worker until it is left alone."""
    others = [one.address for one in table.entries() if one.address != address]
    for _ in range(MOST_FAILURES):
        table.report(table.choose("m", excluding=others), "failed")


def chosen(table: Table, count: int = 20) -> set[str]:
    return {table.choose("m").worker.address for _ in range(count)}


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


def test_a_worker_is_as_busy_as_what_runs_there_whatever_it_says(table: Table) -> None:
    table.put(entry("liar"))
    table.put(entry("honest", queue=1))
    with table.hold(table.choose("m")), table.hold(table.choose("m")):
        table.put(entry("liar"))
        assert table.choose("m").dispatched.queue_lens == (2.0, 1.0)


def test_a_worker_that_fails_is_left_alone_for_a_while(table: Table, now: list[float]) -> None:
    table.put(entry("bad"))
    table.put(entry("good"))
    fail(table, "bad")
    assert chosen(table) == {"good"}
    now[0] += COOL_DOWN_S
    assert ask(table).worker.address == "bad"  # one request is let in, and it ends well
    assert table.choose("m").worker.address == "bad"


def test_one_request_is_a_trial_and_no_more(table: Table, now: list[float]) -> None:
    table.put(entry("bad"))
    table.put(entry("good"))
    fail(table, "bad")
    now[0] += COOL_DOWN_S
    assert [table.choose("m").worker.address for _ in range(3)] == ["bad", "good", "good"]


def test_the_last_worker_is_used_even_when_it_fails(table: Table) -> None:
    table.put(entry("a"))
    fail(table, "a")
    assert table.choose("m").worker.address == "a"


@pytest.mark.parametrize("outcome", ["silent", "unreachable"])
def test_a_worker_that_did_not_stir_is_asked_whether_it_lives(
    table: Table, outcome: Outcome
) -> None:
    table.put(entry("a"))
    ask(table, outcome)
    assert table.suspects() == ["a"]
    ask(table, "ok")
    assert table.suspects() == []


def test_a_new_incarnation_is_not_blamed_for_the_old(table: Table) -> None:
    table.put(entry("a", epoch=1))
    table.put(entry("b", epoch=1))
    late = table.choose("m")
    table.put(entry("a", epoch=2))
    for _ in range(MOST_FAILURES):
        table.report(late, "failed")
    assert table.choose("m").worker.address == "b"
    assert "a" in table.choose("m").dispatched.names


def test_one_that_fails_often_among_good_ones_is_ejected(table: Table, now: list[float]) -> None:
    for address in ("a", "b", "bad"):
        table.put(entry(address))
    for turn in range(30):
        for address in ("a", "b", "bad"):
            others = [one for one in ("a", "b", "bad") if one != address]
            lease = table.choose("m", excluding=others)
            table.report(lease, "failed" if address == "bad" and turn % 2 else "ok")
    now[0] += REFRESH_S
    table.choose("m")
    assert table.choose("m").dispatched.names == ("a", "b")


def test_who_chooses_sees_what_was_refreshed_ahead_of_him(table: Table, now: list[float]) -> None:
    table.put(entry("cold"))
    table.choose("m")
    now[0] += WARM_UP_S
    table.refresh()
    (row,) = table.rows()
    assert row.candidate.warmth == 1
    row.candidate.warmth = 0.5  # stays: nothing is worked out a second time
    now[0] += REFRESH_S / 2
    table.choose("m")
    assert row.candidate.warmth == 0.5


def test_when_all_fail_as_often_nobody_is_ejected(table: Table, now: list[float]) -> None:
    for address in ("a", "b"):
        table.put(entry(address))
    for turn in range(30):
        for other in ("a", "b"):
            lease = table.choose("m", excluding=[other])
            table.report(lease, "failed" if turn % 2 else "ok")
    now[0] += REFRESH_S
    assert table.choose("m").dispatched.names == ("a", "b")


def test_a_newcomer_warms_up(now: list[float]) -> None:
    table = Table(lambda: now[0], Random(1), "lottery")
    table.put(entry("old"))
    now[0] += WARM_UP_S
    table.put(entry("new"))

    def share() -> float:
        return sum(table.choose("m").worker.address == "new" for _ in range(1000)) / 1000

    assert share() < 0.15
    now[0] += WARM_UP_S
    assert 0.4 < share() < 0.6


def test_a_claim_beyond_the_peers_is_not_believed_before_it_is_proven(now: list[float]) -> None:
    table = Table(lambda: now[0], Random(1), "lottery")
    for address, speed in (("a", 1), ("b", 1), ("fast", 100)):
        table.put(entry(address, speed=speed))

    def share() -> float:
        return sum(table.choose("m").worker.address == "fast" for _ in range(1000)) / 1000

    assert share() < 0.4
    for _ in range(20):
        for address, took_s in (("a", 1.0), ("b", 1.0), ("fast", 0.25)):
            others = [one for one in ("a", "b", "fast") if one != address]
            lease = table.choose("m", excluding=others)
            now[0] += took_s
            table.report(lease, "ok")
    now[0] += REFRESH_S
    assert 0.6 < share() < 0.72  # four times as fast as each of two others


def test_a_controller_has_to_believe_what_workers_claim(now: list[float]) -> None:
    table = Table(lambda: now[0], Random(1), "lottery", trusts_claims=True)
    table.put(entry("a"))
    table.put(entry("fast", speed=9))
    drawn = [table.choose("m").worker.address for _ in range(1000)]
    assert 0.85 < drawn.count("fast") / 1000 < 0.95


def test_a_full_worker_is_passed_over(table: Table) -> None:
    table.put(entry("full", queue=3, capacity=3, speed=100))
    table.put(entry("a", queue=50))
    assert chosen(table) == {"a"}


def test_a_full_model_is_refused_with_the_time_until_it_is_not(table: Table) -> None:
    table.put(entry("a", queue=3, capacity=3, wait_s=9))
    table.put(entry("b", queue=4, capacity=4, wait_s=6.5))
    with pytest.raises(Overloaded) as refusal:
        table.choose("m")
    assert refusal.value.retry_after_s == 7


def test_a_slot_that_came_free_here_is_used_before_the_worker_tells(table: Table) -> None:
    table.put(entry("a", capacity=1))
    with table.hold(table.choose("m")):
        table.put(entry("a", capacity=1, queue=1))
        with pytest.raises(Overloaded):
            table.choose("m")
    assert table.choose("m").worker.address == "a"


def test_a_worker_of_0_2_36_that_said_it_was_full_is_asked_again_soon(
    table: Table, now: list[float]
) -> None:
    table.put(entry("a"))
    ask(table, "full")
    with pytest.raises(Overloaded):
        table.choose("m")
    now[0] += FULL_S
    assert table.choose("m").worker.address == "a"


def test_who_says_nothing_while_work_runs_there_is_suspect(table: Table, now: list[float]) -> None:
    table.put(entry("a"))
    with table.hold(table.choose("m")):
        assert table.suspects() == []
        now[0] += SILENT_S
        assert table.suspects() == ["a"]
        table.put(entry("a", queue=1))
        assert table.suspects() == []


def test_who_misses_heart_beats_is_suspect(table: Table, now: list[float]) -> None:
    table.put(entry("a"))
    now[0] += BEATS_MISSED_S
    assert table.suspects() == ["a"]
    table.probed("a", alive=True)
    assert table.suspects() == []


def test_a_suspect_that_does_not_answer_gets_nothing_until_it_does(
    table: Table, now: list[float]
) -> None:
    table.put(entry("stopped"))
    table.put(entry("good"))
    table.probed("stopped", alive=False)
    assert chosen(table) == {"good"}
    assert table.suspects() == ["stopped"]
    table.probed("stopped", alive=True)
    assert ask(table).worker.address == "stopped"
    assert table.suspects() == []
    table.probed("gone", alive=True)


def test_retries_are_a_share_of_what_runs(table: Table) -> None:
    table.budget = RetryBudget(share=0.2, least=1)
    table.put(entry("a"))
    for _ in range(10):
        table.take(table.choose("m"))
    with table.hold(table.choose("m"), retry=True):
        assert table.may_retry()
        with table.hold(table.choose("m"), retry=True), table.hold(table.choose("m"), retry=True):
            assert not table.may_retry()
    assert table.may_retry()


def test_a_prompt_is_hashed_for_a_policy_that_asks_for_it(table: Table) -> None:
    assert table.question(session=None, body=b"x" * 5000).prefixes == ()
    table.policy = "prefix_affine"
    question = table.question(session="s", body=b"x" * 5000)
    assert question.session == "s"
    table.put(entry("a"))
    table.put(entry("b"))
    first = table.choose("m", question=question).worker.address
    with table.hold(table.choose("m", question=question)):
        assert table.choose("m", question=question).worker.address == first


def test_a_newcomer_does_not_catch_up_with_the_turns_of_others(table: Table) -> None:
    table.policy = "round_robin"
    table.put(entry("a"))
    chosen(table, 50)
    table.put(entry("b"))
    turns = [table.choose("m").worker.address for _ in range(10)]
    assert turns.count("a") == 5


def test_a_controller_that_just_started_may_not_know_a_model_yet(
    table: Table, now: list[float]
) -> None:
    table.apply(TableUpdate(snapshot=True, epoch=2, age_s=1.0))
    with pytest.raises(NoWorker):
        table.choose("m")
    now[0] += 9.5
    with pytest.raises(UnknownModel):
        table.choose("m")
