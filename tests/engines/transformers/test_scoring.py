"""How likely the real model finds a prompt, against one pass of transformers' own."""

from pathlib import Path
from typing import Any

import pytest

from fastchat.core.errors import EngineFailed
from fastchat.core.generation import Chunk, collect
from fastchat.engines.transformers import Options
from fastchat.engines.transformers.build import generating_engine as create
from fastchat.engines.transformers.engine import TransformersEngine
from fastchat.engines.transformers.scoring import within_text
from tests.engines.requests import STORY, ask

pytestmark = pytest.mark.transformers

LONG = f"{STORY} a fox. " * 6  # of more tokens than a step has


async def _scored(engine: TransformersEngine, prompt: Any, **changes: Any) -> Chunk:
    given = {"max_tokens": 0, "logprobs": 3, "prompt_logprobs": 3}
    return await collect(engine.generate(ask(prompt, **given | changes)))


def _oracle(path: Path, ids: list[int]) -> Any:
    """The log probability of each token but the first."""
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    with torch.inference_mode():
        rows = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    return rows, rows.gather(1, torch.tensor(ids[1:]).unsqueeze(1)).squeeze(1).tolist()


async def test_the_numbers_are_those_of_one_pass_over_the_prompt(
    hf: TransformersEngine, hf_smollm2_path: Path
) -> None:
    ids = list(await hf.tokenize(LONG))
    told = (await _scored(hf, LONG)).prompt_logprobs
    rows, wanted = _oracle(hf_smollm2_path, ids)
    assert len(told) == len(ids) > 64
    assert told[0].logprob is None
    assert [one.logprob for one in told[1:]] == pytest.approx(wanted, abs=2e-3)
    best = rows.max(-1).values.tolist()
    assert [one.top[0].logprob for one in told[1:]] == pytest.approx(best, abs=2e-3)
    assert {len(one.top) for one in told[1:]} == {3}


async def test_text_and_token_ids_are_scored_alike(hf: TransformersEngine) -> None:
    text = "It costs 5 € \N{GRINNING FACE}."
    of_text = await _scored(hf, text)
    of_ids = await _scored(hf, tuple(await hf.tokenize(text)))
    assert of_text == of_ids
    assert b"".join(one.raw for one in of_text.prompt_logprobs).decode() == text
    assert (of_text.finish_reason, of_text.usage.completion_tokens) == ("length", 0)


async def test_an_answer_may_follow(hf: TransformersEngine) -> None:
    plain = await collect(hf.generate(ask(STORY, max_tokens=6, logprobs=1)))
    both = await _scored(hf, STORY, max_tokens=6)
    assert both.text == plain.text
    assert len(both.logprobs) == 6
    assert both.prompt_logprobs == (await _scored(hf, STORY)).prompt_logprobs
    assert both.usage.prompt_tokens == plain.usage.prompt_tokens


async def test_one_token_follows_nothing(hf: TransformersEngine) -> None:
    (only,) = (await _scored(hf, "Once")).prompt_logprobs
    assert (only.token, only.logprob) == ("Once", None)


async def test_an_engine_that_is_closed_scores_nothing(hf_smollm2_path: Path) -> None:
    engine = create(Options(model=hf_smollm2_path, names=("m",), threads=1, device="cpu"))
    await engine.aclose()
    with pytest.raises(EngineFailed):
        await _scored(engine, STORY)


@pytest.mark.parametrize(
    ("raws", "text", "shown"),
    [
        ([b"<s>", b" a", b"b"], "ab", [b"", b"a", b"b"]),
        ([b"<s>", b"a"], "<s>a", [b"<s>", b"a"]),
        ([b" a", b"b"], " ab", [b" a", b"b"]),
        ([b"<s>"], "", [b""]),
    ],
)
def test_what_a_tokenizer_puts_before_a_text_is_not_in_it(
    raws: list[bytes], text: str, shown: list[bytes]
) -> None:
    assert within_text(raws, text, begins=raws[0] == b"<s>") == shown
