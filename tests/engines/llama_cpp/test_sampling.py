"""That each parameter does what it says, with the real model."""

import string
from typing import Any

import pytest

from fastchat.core.constraints import JsonSchema
from fastchat.core.errors import InvalidRequest
from fastchat.core.generation import Chunk, collect
from fastchat.engines.llama_cpp.engine import LlamaCppEngine
from tests.engines.requests import STORY, ask

# Makes the letters and digits, and nothing else, about equally likely.
CHARACTERS = string.ascii_letters + string.digits
FLAT = 100.0
BIAS = 3000.0


async def _text(llama: LlamaCppEngine, prompt: str = STORY, **changes: Any) -> str:
    return (await collect(llama.generate(ask(prompt, **changes)))).text


async def test_defaults_change_nothing(llama: LlamaCppEngine) -> None:
    """llama.cpp's own defaults would leave 40 candidates at most."""
    ids = [(await llama.tokenize(character))[0] for character in CHARACTERS]
    bias = dict.fromkeys(ids, BIAS)
    text = await _text(llama, "x", temperature=FLAT, seed=7, logit_bias=bias, max_tokens=150)
    assert set(text) <= set(CHARACTERS)
    assert len(set(text)) > 50


@pytest.mark.parametrize("narrow", [{"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}])
async def test_a_narrow_choice_is_the_greedy_one(
    llama: LlamaCppEngine, narrow: dict[str, Any]
) -> None:
    greedy = await _text(llama, max_tokens=8)
    assert await _text(llama, temperature=1.5, seed=3, max_tokens=8) != greedy
    assert await _text(llama, temperature=1.5, seed=3, max_tokens=8, **narrow) == greedy


async def test_a_seed_makes_an_answer_repeatable(llama: LlamaCppEngine) -> None:
    await _text(llama, max_tokens=1)  # a prompt read again may differ in the last digits
    first, again, other = [
        await _text(llama, temperature=1.0, seed=seed, max_tokens=12) for seed in (5, 5, 6)
    ]
    assert first == again != other


async def test_without_a_seed_answers_differ(llama: LlamaCppEngine) -> None:
    texts = {await _text(llama, temperature=1.5, max_tokens=16) for _ in range(3)}
    assert len(texts) > 1


@pytest.mark.parametrize("name", ["presence_penalty", "frequency_penalty", "repetition_penalty"])
async def test_a_penalty_ends_a_repetition(llama: LlamaCppEngine, name: str) -> None:
    ones = "1 1 1 1 1 1 1 1"
    assert await _text(llama, ones, max_tokens=8) == " 1 1 1 1"
    assert " 1 1" not in await _text(llama, ones, max_tokens=8, **{name: 2.0})


async def test_a_bias_forbids_a_token(llama: LlamaCppEngine) -> None:
    (first,) = [await _text(llama, max_tokens=1)]
    (token,) = await llama.tokenize(first)
    assert await _text(llama, max_tokens=1, logit_bias={token: -100.0}) != first


async def test_a_stop_token_ends_the_answer_and_is_not_shown(llama: LlamaCppEngine) -> None:
    whole = await _text(llama, max_tokens=8)
    tokens = await llama.tokenize(whole)
    answer = await collect(llama.generate(ask(max_tokens=8, stop_token_ids=(tokens[3],))))
    assert answer.text == await llama.detokenize(tokens[: tokens.index(tokens[3])])
    assert answer.finish_reason == "stop"


@pytest.mark.parametrize(
    "impossible",
    [{"logit_bias": {10**6: 1.0}}, {"logit_bias": {-1: 1.0}}, {"stop_token_ids": (-1,)}],
)
async def test_a_token_that_does_not_exist_is_refused(
    llama: LlamaCppEngine, impossible: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await _text(llama, **impossible)
    assert refusal.value.param in impossible


async def test_a_part_of_a_character_cannot_end_an_answer(llama: LlamaCppEngine) -> None:
    part = (await llama.tokenize("🦜"))[-1]
    with pytest.raises(InvalidRequest, match="part of a character"):
        await _text(llama, stop_token_ids=(part,))


async def test_logprobs_stand_beside_the_tokens_shown(llama: LlamaCppEngine) -> None:
    answer = await collect(llama.generate(ask(max_tokens=6, logprobs=3)))
    assert "".join(token.token for token in answer.logprobs) == answer.text
    assert b"".join(token.raw for token in answer.logprobs) == answer.text.encode()
    for token in answer.logprobs:
        assert [len(token.top), token.top[0].raw] == [3, token.raw]
        assert token.logprob == token.top[0].logprob <= 0
        assert token.top[0].logprob >= token.top[1].logprob >= token.top[2].logprob


async def test_logprobs_of_the_chosen_tokens_only(llama: LlamaCppEngine) -> None:
    answer = await collect(llama.generate(ask(max_tokens=3, logprobs=0)))
    assert [token.top for token in answer.logprobs] == [(), (), ()]


async def test_a_stop_string_takes_its_logprobs_along(llama: LlamaCppEngine) -> None:
    whole = await collect(llama.generate(ask(max_tokens=8, logprobs=0)))
    stop = "".join(token.token for token in whole.logprobs[3:6])
    answer = await collect(llama.generate(ask(max_tokens=8, logprobs=0, stop=(stop,))))
    shown = "".join(token.token for token in answer.logprobs)
    assert shown == answer.text == whole.text[: whole.text.index(stop)]


async def test_the_token_that_ends_the_turn_has_no_logprob(llama: LlamaCppEngine) -> None:
    request = ask("Bird:", logprobs=1, constraint=JsonSchema({"const": "owl"}))
    answer: Chunk = await collect(llama.generate(request))
    assert answer.finish_reason == "stop"
    assert "".join(token.token for token in answer.logprobs) == answer.text == '"owl"'
