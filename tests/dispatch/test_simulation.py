"""What each policy promises, in simulated time; `make bench-scale` prints the whole table."""

import pytest

from fastchat.dispatch import POLICIES
from tests.dispatch.simulation import EVEN, HIDDEN, LIAR, TOPICS, UNEVEN, Scenario, simulate

LOAD_POLICIES = ("shortest_queue", "least_in_flight", "power_of_two")
seeds = pytest.mark.parametrize("seed", range(5))


@seeds
@pytest.mark.parametrize("policy", LOAD_POLICIES)
@pytest.mark.parametrize("scenario", [EVEN, UNEVEN, HIDDEN], ids=lambda one: one.name)
def test_who_looks_at_the_load_lets_nobody_wait_long(
    scenario: Scenario, policy: str, seed: int
) -> None:
    by_chance = simulate(scenario, "lottery", seed).percentile(99)
    assert simulate(scenario, policy, seed).percentile(99) < 0.5 * by_chance


@seeds
def test_turns_are_fairer_than_chance(seed: int) -> None:
    turns, chance = (simulate(EVEN, policy, seed) for policy in ("round_robin", "lottery"))
    assert turns.percentile(95) < chance.percentile(95)
    assert turns.imbalance(EVEN.workers) < 1.01 < chance.imbalance(EVEN.workers)


@seeds
@pytest.mark.parametrize("policy", ["session_sticky", "prefix_affine"])
def test_affinity_computes_beginnings_once_and_so_nobody_waits_long(policy: str, seed: int) -> None:
    affine, by_chance = simulate(TOPICS, policy, seed), simulate(TOPICS, "lottery", seed)
    assert affine.reused > 2.5 * by_chance.reused
    assert affine.percentile(99) < 0.5 * by_chance.percentile(99)


@seeds
def test_affinity_to_prompts_balances_better_than_to_sessions(seed: int) -> None:
    prompts, sessions = (simulate(TOPICS, p, seed) for p in ("prefix_affine", "session_sticky"))
    assert prompts.imbalance(TOPICS.workers) < sessions.imbalance(TOPICS.workers)


@seeds
@pytest.mark.parametrize("policy", POLICIES)
def test_a_liar_gets_no_more_than_its_share(policy: str, seed: int) -> None:
    """Fault 23: it says that its queue is empty and its speed is 1e9."""
    fair = 1 / len(LIAR.workers)
    assert simulate(LIAR, policy, seed).share(LIAR.workers[-1]) <= 1.2 * fair
