from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastchat.dispatch import POLICIES, Candidate, Question
from fastchat.dispatch.policies import MOST_AHEAD, UNASKED

candidates = st.lists(
    st.builds(
        Candidate,
        address=st.text(min_size=1),
        speed=st.floats(0.01, 100),
        queue_length=st.floats(0, 1000),
        in_flight=st.integers(0, 1000),
        warmth=st.floats(0.1, 1),
        turns=st.floats(0, 1e6),
    ),
    min_size=1,
)
questions = st.builds(
    Question,
    session=st.none() | st.text(),
    prefixes=st.lists(st.integers(0, 2**64 - 1), max_size=3).map(tuple),
)


def choose(
    policy: str, workers: list[Candidate], question: Question = UNASKED, rng: Random | None = None
) -> Candidate:
    return POLICIES[policy](workers, question, rng or Random(0))


def workers(count: int) -> list[Candidate]:
    return [Candidate(f"http://10.0.0.{number}:31000") for number in range(count)]


@pytest.mark.parametrize("name", POLICIES)
@given(workers=candidates, question=questions, seed=st.integers())
def test_a_policy_picks_one_of_the_candidates(
    name: str, workers: list[Candidate], question: Question, seed: int
) -> None:
    assert choose(name, workers, question, Random(seed)) in workers


@pytest.mark.parametrize("name", POLICIES)
@given(workers=candidates, question=questions, seed=st.integers())
def test_a_policy_depends_on_nothing_but_what_it_is_given(
    name: str, workers: list[Candidate], question: Question, seed: int
) -> None:
    first = choose(name, workers, question, Random(seed))
    assert choose(name, workers, question, Random(seed)) is first


def test_lottery_draws_in_proportion_to_speed() -> None:
    slow, fast = Candidate("slow", 1), Candidate("fast", 3)
    rng = Random(1)
    drawn = Counter(choose("lottery", [slow, fast], rng=rng).address for _ in range(4000))
    assert 2.6 < drawn["fast"] / drawn["slow"] < 3.4


def test_lottery_gives_a_newcomer_less() -> None:
    old, new = Candidate("old"), Candidate("new", warmth=0.1)
    rng = Random(1)
    drawn = Counter(choose("lottery", [old, new], rng=rng).address for _ in range(4000))
    assert 7 < drawn["old"] / drawn["new"] < 14


def test_shortest_queue_weighs_by_speed() -> None:
    slow, fast = Candidate("slow", 1, 2), Candidate("fast", 4, 6)
    assert choose("shortest_queue", [slow, fast]) is fast


def test_of_two_idle_workers_the_faster_has_the_shorter_queue() -> None:
    slow, fast = Candidate("slow", 1), Candidate("fast", 4)
    assert choose("shortest_queue", [slow, fast]) is fast


def test_shortest_queue_takes_the_first_of_equals() -> None:
    first, second = Candidate("a", 1, 1), Candidate("b", 1, 1)
    assert choose("shortest_queue", [first, second]) is first


def test_least_in_flight_does_not_ask_what_a_worker_says() -> None:
    liar, honest = Candidate("liar", 1, 0, in_flight=3), Candidate("honest", 1, 9, in_flight=2)
    assert choose("least_in_flight", [liar, honest]) is honest


def test_power_of_two_never_takes_the_busiest_of_all() -> None:
    others = [*workers(4), Candidate("busy", queue_length=5)]
    rng = Random(1)
    drawn = Counter(choose("power_of_two", others, rng=rng).address for _ in range(4000))
    assert "busy" not in drawn
    assert len(drawn) == 4


def test_round_robin_gives_the_fast_more_turns() -> None:
    slow, fast = Candidate("slow", 1), Candidate("fast", 2)
    chosen = []
    for _ in range(9):
        one = choose("round_robin", [slow, fast])
        one.turns += 1 / one.speed
        chosen.append(one.address)
    assert Counter(chosen) == {"fast": 6, "slow": 3}


def test_a_session_stays_and_moves_only_when_its_worker_goes() -> None:
    all_of_them = workers(5)
    sessions = [Question(f"user-{number}") for number in range(500)]
    before = [choose("session_sticky", all_of_them, session) for session in sessions]
    gone = before[0]
    rest = [worker for worker in all_of_them if worker is not gone]
    after = [choose("session_sticky", rest, session) for session in sessions]
    assert all(
        a is b for a, b in zip(before, after, strict=True) if b is not gone and a is not gone
    )
    assert gone not in after


def test_sessions_are_spread_evenly() -> None:
    sessions = [Question(f"user-{number}") for number in range(5000)]
    shares = Counter(choose("session_sticky", workers(5), one).address for one in sessions)
    assert max(shares.values()) < 1.2 * 1000


def test_a_request_without_a_session_goes_to_the_least_busy() -> None:
    busy, idle = Candidate("a", queue_length=3), Candidate("b")
    assert choose("session_sticky", [busy, idle]) is idle


def test_a_prompt_goes_where_most_of_it_was_seen() -> None:
    some, more = Candidate("some"), Candidate("more", queue_length=2)
    some.seen.add((1, 2))
    more.seen.add((1, 2, 3))
    assert choose("prefix_affine", [some, more], Question(prefixes=(1, 2, 3, 4))) is more


def test_who_saw_a_prompt_and_is_too_busy_is_left() -> None:
    home, idle = Candidate("home", queue_length=MOST_AHEAD), Candidate("idle")
    home.seen.add((1,))
    assert choose("prefix_affine", [home, idle], Question(prefixes=(1,))) is home
    home.queue_length += 1
    assert choose("prefix_affine", [home, idle], Question(prefixes=(1,))) is idle


def test_among_the_busy_a_few_requests_more_do_not_matter() -> None:
    home, other = Candidate("home", queue_length=50), Candidate("other", queue_length=40)
    home.seen.add((1,))
    assert choose("prefix_affine", [home, other], Question(prefixes=(1,))) is home
