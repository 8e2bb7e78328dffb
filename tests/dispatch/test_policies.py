from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastchat.dispatch import POLICIES, Candidate

candidates = st.lists(
    st.builds(
        Candidate,
        address=st.text(min_size=1),
        speed=st.floats(0.01, 100),
        queue_length=st.floats(0, 1000),
    ),
    min_size=1,
)


@pytest.mark.parametrize("name", POLICIES)
@given(workers=candidates, seed=st.integers())
def test_a_policy_picks_one_of_the_candidates(
    name: str, workers: list[Candidate], seed: int
) -> None:
    assert POLICIES[name](workers, Random(seed)) in workers


def test_lottery_draws_in_proportion_to_speed() -> None:
    slow, fast = Candidate("slow", 1, 0), Candidate("fast", 3, 0)
    rng = Random(1)
    drawn = Counter(POLICIES["lottery"]([slow, fast], rng).address for _ in range(4000))
    assert 2.6 < drawn["fast"] / drawn["slow"] < 3.4


def test_shortest_queue_weighs_by_speed() -> None:
    slow, fast = Candidate("slow", 1, 2), Candidate("fast", 4, 6)
    assert POLICIES["shortest_queue"]([slow, fast], Random()) is fast


def test_shortest_queue_takes_the_first_of_equals() -> None:
    first, second = Candidate("a", 1, 1), Candidate("b", 1, 1)
    assert POLICIES["shortest_queue"]([first, second], Random()) is first
