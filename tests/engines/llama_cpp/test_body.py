from typing import Any

import msgspec
import pytest

from fastchat.engines.llama_cpp.body import completion_body
from tests.engines.requests import ask


def _body(default_seed: int | None = None, **changes: Any) -> dict[str, Any]:
    raw = completion_body(ask(**changes), "p", context_length=100, default_seed=default_seed)
    return dict(msgspec.json.decode(raw))


@pytest.mark.parametrize(
    ("sampling", "chain"),
    [
        ({"temperature": 1.0}, ["temperature"]),
        ({"temperature": 0.0, "top_p": 0.5, "top_k": 9}, ["temperature"]),
        (
            {"temperature": 0.7, "top_p": 0.5, "top_k": 9, "min_p": 0.1, "presence_penalty": -1.0},
            ["penalties", "temperature", "top_k", "top_p", "min_p"],
        ),
        ({"repetition_penalty": 1.1}, ["penalties", "temperature"]),
    ],
)
def test_only_the_samplers_asked_for_are_in_the_chain(
    sampling: dict[str, Any], chain: list[str]
) -> None:
    assert _body(**sampling)["samplers"] == chain


@pytest.mark.parametrize(("wanted", "sent"), [(None, 100), (7, 7), (1000, 100)])
def test_no_more_tokens_are_asked_for_than_the_context_holds(wanted: int | None, sent: int) -> None:
    assert _body(max_tokens=wanted)["n_predict"] == sent


@pytest.mark.parametrize(
    ("default", "wanted", "sent"), [(None, None, -1), (3, None, 3), (3, 0, 0), (None, 2**32 - 1, 0)]
)
def test_a_seed_is_never_the_number_that_means_any(
    default: int | None, wanted: int | None, sent: int
) -> None:
    assert _body(default_seed=default, seed=wanted)["seed"] == sent


def test_token_ids_are_asked_for_only_when_they_are_needed() -> None:
    assert "n_probs" not in _body()
    assert _body(stop_token_ids=(1,))["n_probs"] == _body(logprobs=0)["n_probs"] == 1
    assert _body(logprobs=4)["n_probs"] == 4
