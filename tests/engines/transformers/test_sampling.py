"""Pure, but for the tensors: what is chosen is what a plain reading of the parameters says."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastchat.core.generation import Sampling
from fastchat.engines.transformers import sampling as choosing
from fastchat.engines.transformers.sampling import Chooser, choose_all

pytestmark = pytest.mark.transformers

SIZE = 40
ROWS = st.lists(st.integers(-30, 30), min_size=SIZE, max_size=SIZE, unique=True)
SAMPLINGS = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    top_k=st.none() | st.integers(1, SIZE),
    top_p=st.sampled_from([0.1, 0.5, 0.9, 1.0]),
    min_p=st.sampled_from([0.0, 0.05, 0.5]),
)


def _tensor(rows: list[list[int]]) -> Any:
    import torch

    return torch.tensor(rows, dtype=torch.float32) / 10


def _possible(row: Any, sampling: Sampling) -> set[int]:
    if sampling.temperature == 0:
        return {int(row.argmax())}
    ids = sorted(range(SIZE), key=lambda id: -float(row[id]))[: sampling.top_k]
    chances = (row[ids] / sampling.temperature).softmax(-1).tolist()
    before = [sum(chances[:place]) for place in range(len(ids))]
    return {
        id
        for id, chance, said in zip(ids, chances, before, strict=True)
        if (said < sampling.top_p + 1e-5 and chance >= sampling.min_p * chances[0] - 1e-5)
    }


@pytest.mark.parametrize("candidates", [4, 1000])
@settings(deadline=None)
@given(asked=st.lists(st.tuples(ROWS, SAMPLINGS), min_size=1, max_size=6))
def test_only_what_the_parameters_leave_is_chosen(
    candidates: int, asked: list[tuple[list[int], Sampling]]
) -> None:
    rows = _tensor([row for row, _ in asked])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choosing, "_CANDIDATES", candidates)
        chosen = choose_all([Chooser(one, ()) for _, one in asked], rows.clone())
    for id, row, (_, one) in zip(chosen, rows, asked, strict=True):
        assert id in _possible(row, one)


@pytest.mark.parametrize("narrow", [{}, {"top_k": 3}, {"top_p": 0.99}, {"min_p": 1e-3}])
def test_draws_follow_the_chances(narrow: dict[str, Any]) -> None:
    row = _tensor([[20, 13, 0]])
    chances = row[0].softmax(-1)
    draws = 4000
    choosers = [Chooser(Sampling(**narrow), ()) for _ in range(draws)]
    chosen = choose_all(choosers, row.expand(draws, 3).clone())
    for id in range(2):
        assert chosen.count(id) / draws == pytest.approx(float(chances[id]), abs=0.05)


@pytest.mark.parametrize("narrow", [{}, {"top_p": 0.9}])
def test_a_seed_throws_the_same_whoever_is_beside(narrow: dict[str, Any]) -> None:
    row = _tensor([list(range(SIZE))])

    def thrown(beside: int) -> list[int]:
        one = Chooser(Sampling(temperature=2.0, **narrow), (), seed=7)
        others = [Chooser(Sampling(), ()) for _ in range(beside)]
        rows = row.expand(beside + 1, SIZE)
        return [choose_all([*others, one], rows.clone())[-1] for _ in range(8)]

    assert thrown(0) == thrown(3)
    assert len(set(thrown(0))) > 1


def test_penalties_count_what_was_said() -> None:
    row = _tensor([[10, 9, 8]])[0]
    presence = Chooser(Sampling(temperature=0, presence_penalty=0.15), (1,))
    frequency = Chooser(Sampling(temperature=0, frequency_penalty=0.06), (1,))
    repetition = Chooser(Sampling(temperature=0, repetition_penalty=1.5), (1,))
    assert [presence.choose(row.clone()) for _ in range(4)] == [0, 1, 0, 0]
    assert [frequency.choose(row.clone()) for _ in range(4)] == [0, 0, 1, 0]
    assert [repetition.choose(row.clone()) for _ in range(3)] == [0, 2, 0]


def test_a_bias_moves_its_tokens_only() -> None:
    row = _tensor([[10, 9, 8]])[0]
    assert Chooser(Sampling(temperature=0, logit_bias={2: 1.0}), ()).choose(row.clone()) == 2
    assert Chooser(Sampling(temperature=0, logit_bias={0: -1.0}), ()).choose(row.clone()) == 1


def test_log_probabilities_are_those_of_the_model_not_of_the_bias() -> None:
    rows = _tensor([[10, 9, 8], [8, 9, 10], [0, 1, 2]])
    likely = rows.log_softmax(-1)
    biased = Chooser(Sampling(temperature=0, logit_bias={0: -100.0}), (), logprobs=2)
    plain, silent = (Chooser(Sampling(temperature=0), (), logprobs=n) for n in (0, None))
    assert choose_all([biased, plain, silent], rows.clone()) == [1, 2, 2]
    (token,) = biased.tokens
    assert token.logprob == pytest.approx(float(likely[0, 1]))
    assert [id for id, _ in token.top] == [0, 1]
    assert plain.tokens[0].logprob == pytest.approx(float(likely[1, 2]))
    assert (plain.tokens[0].top, silent.tokens[0].logprob) == ((), None)
