"""A plain text is gone on with at providers that have completions, and refused at others."""

import json
import time
from typing import Any

import pytest

from fastchat.core.errors import InvalidRequest, Unsupported
from fastchat.core.generation import Chunk, GenerationRequest, Prompt, Sampling, collect
from fastchat.providers.endpoint import Limits
from fastchat.providers.metered import MeteredEngine
from fastchat.providers.quota import Quota
from fastchat.providers.vendors import VENDORS
from tests.providers import recorded
from tests.providers.fakes import Fake, endpoint, events, opened, request

ADDRESSES = {
    "openai": "/v1/completions",
    "openai_no_stream": "/v1/completions",
    "openai_compatible": "/v1/completions",
    "azure": "/openai/deployments/theirs/completions",
    "mistral": "/v1/fim/completions",
    "deepseek": "/beta/completions",
    "together": "/v1/completions",
    "fireworks": "/v1/completions",
    "openrouter": "/v1/completions",
    "ollama": "/v1/completions",
    "dashscope": "/v1/completions",
}


def _asking(prompt: Prompt = "def add(a, b):", **values: Any) -> GenerationRequest:
    return GenerationRequest(id="r1", model="ours", prompt=prompt, **values)


async def _sent(api_type: str, asked: GenerationRequest) -> tuple[Any, Chunk, Fake]:
    fake = Fake(recorded.OPENAI_PLAIN)
    async with opened(api_type, fake, system_prompt="You are a cat.") as engine:
        whole = await collect(engine.generate(asked))
    return fake.asked[0], whole, fake


@pytest.mark.parametrize("api_type", ADDRESSES)
async def test_a_text_is_sent_as_it_stands_to_the_vendors_own_address(api_type: str) -> None:
    body, whole, fake = await _sent(api_type, _asking(max_tokens=5))
    assert fake.requests[0].path == ADDRESSES[api_type]
    assert (body["model"], body["prompt"], body["max_tokens"]) == ("theirs", "def add(a, b):", 5)
    assert "messages" not in body
    assert (whole.text, whole.finish_reason) == (" return a + b", "stop")
    assert whole.usage.completion_tokens == 4


async def test_every_vendor_with_completions_is_tested_here() -> None:
    assert {name for name, vendor in VENDORS.items() if vendor.completions} == ADDRESSES.keys()


async def test_what_stands_behind_the_text_goes_along() -> None:
    body, _, _ = await _sent("ollama", _asking(suffix="return c", sampling=Sampling(seed=3)))
    assert (body["suffix"], body["seed"]) == ("return c", 3)


async def test_mistral_answers_in_the_shape_of_a_chat() -> None:
    fake = Fake(recorded.OPENAI_TEXT)
    async with opened("mistral", fake) as engine:
        whole = await collect(engine.generate(_asking(suffix="return c")))
    assert whole.text == "Hello there"


async def test_a_whole_answer_is_read_where_there_are_no_streams() -> None:
    said = {"choices": [{"index": 0, "text": "yes", "finish_reason": "length"}]}
    fake = Fake(json.dumps(said).encode(), headers={"content-type": "application/json"})
    async with opened("openai_no_stream", fake) as engine:
        whole = await collect(engine.generate(_asking()))
    assert (whole.text, whole.finish_reason, fake.asked[0]["stream"]) == ("yes", "length", False)


async def test_log_probabilities_and_token_ids_pass() -> None:
    listed = {"tokens": [" a"], "token_logprobs": [-0.5], "top_logprobs": [{" a": -0.5}]}
    fake = Fake(events({"choices": [{"text": " a", "logprobs": listed, "finish_reason": "stop"}]}))
    async with opened("openai", fake) as engine:
        whole = await collect(engine.generate(_asking((1, 2, 3), logprobs=1)))
    assert (fake.asked[0]["prompt"], fake.asked[0]["logprobs"]) == ([1, 2, 3], 1)
    assert [(one.token, one.logprob) for one in whole.logprobs] == [(" a", -0.5)]


@pytest.mark.parametrize("api_type", ["anthropic", "gemini", "openai_responses", "groq", "cohere"])
async def test_who_has_none_refuses_and_says_what_to_ask(api_type: str) -> None:
    fake = Fake(recorded.OPENAI_PLAIN)
    async with opened(api_type, fake) as engine:
        with pytest.raises(InvalidRequest, match="plain text: ask /v1/chat/completions"):
            await collect(engine.generate(_asking()))
    assert fake.asked == []


async def test_a_refusal_costs_nothing_of_the_quota() -> None:
    fake = Fake(recorded.ANTHROPIC_TEXT)
    limits = Limits(requests_per_minute=1)
    async with opened("anthropic", fake) as engine:
        one = endpoint("anthropic", "http://x", limits=limits)
        metered = MeteredEngine(engine, one, Quota(limits, None, time.monotonic, time.time))
        with pytest.raises(InvalidRequest):
            await collect(metered.generate(_asking()))
        assert (await collect(metered.generate(request()))).text == "Hello there"


async def test_what_only_a_chat_can_have_is_refused_by_name() -> None:
    fake = Fake(recorded.OPENAI_PLAIN)
    async with opened("ollama", fake) as engine:
        with pytest.raises(Unsupported, match="token_prompt"):
            await collect(engine.generate(_asking((1, 2))))
    assert fake.asked == []
