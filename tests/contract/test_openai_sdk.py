"""Today's OpenAI client against the whole platform."""

import json
from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.running import MODEL, RunningPlatform

ASK: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "Which city is the capital of France?"}
]


@pytest.fixture(scope="session")
def client(platform: RunningPlatform) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{platform.api}/v1", api_key="EMPTY", max_retries=0) as client:
        yield client


def test_models_are_listed_and_retrieved(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).owned_by == "fastchat"


def test_a_chat_is_answered(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=ASK, temperature=0, max_completion_tokens=40
    )
    assert "Paris" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage is not None
    assert answer.usage.prompt_tokens + answer.usage.completion_tokens == answer.usage.total_tokens


def test_a_stream_says_the_same_as_a_plain_answer(client: openai.OpenAI) -> None:
    plain = client.chat.completions.create(model=MODEL, messages=ASK, temperature=0, max_tokens=5)
    stream = client.chat.completions.create(
        model=MODEL,
        messages=ASK,
        temperature=0,
        max_tokens=5,
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == plain.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == "length"
    assert last.usage is not None
    assert last.usage.completion_tokens == 5
    assert {chunk.object for chunk in [*chunks, last]} == {"chat.completion.chunk"}
    assert len({chunk.created for chunk in chunks}) == 1


def test_completions_in_every_form(client: openai.OpenAI) -> None:
    def complete(prompt: str | list[str]) -> list[str]:
        answer = client.completions.create(model=MODEL, prompt=prompt, temperature=0, max_tokens=5)
        return [choice.text for choice in answer.choices]

    said = complete("The capital of France is")
    assert len(complete(["The capital of France is", "Once upon"])) == 2
    assert complete(["The capital of France is"]) == said


def test_stop_ends_the_text_and_is_not_part_of_it(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=ASK, temperature=0, max_tokens=40, stop=["Paris"]
    )
    assert answer.choices[0].finish_reason == "stop"
    assert "Paris" not in (answer.choices[0].message.content or "")


def test_a_seed_repeats_and_n_varies(client: openai.OpenAI) -> None:
    def tell(n: int = 1) -> list[str | None]:
        answer = client.chat.completions.create(
            model=MODEL, messages=ASK, temperature=1.5, seed=7, max_tokens=16, n=n
        )
        return [choice.message.content for choice in answer.choices]

    assert tell() == tell()
    three = tell(n=3)
    assert len(three) == 3
    assert len(set(three)) > 1


def test_logprobs_come_with_their_alternatives(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=ASK, temperature=0, max_tokens=3, logprobs=True, top_logprobs=2
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert len(logprobs.content) == 3
    assert all(len(token.top_logprobs) == 2 for token in logprobs.content)


def test_a_json_schema_is_enforced(client: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"capital": {"type": "string", "enum": ["Lima", "Oslo"]}},
        "required": ["capital"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=MODEL,
        messages=ASK,
        max_tokens=40,
        response_format={"type": "json_schema", "json_schema": {"name": "c", "schema": schema}},
    )
    assert json.loads(answer.choices[0].message.content or "")["capital"] in ("Lima", "Oslo")


def test_content_may_come_in_parts_and_roles_may_be_of_today(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Say hi."}]},
        ],
        max_tokens=4,
    )
    assert answer.choices[0].message.role == "assistant"


def test_a_cancelled_stream_leaves_the_platform_well(client: openai.OpenAI) -> None:
    with client.chat.completions.create(
        model=MODEL, messages=ASK, max_tokens=2000, stream=True
    ) as stream:
        next(iter(stream))
    after = client.chat.completions.create(model=MODEL, messages=ASK, max_tokens=1)
    assert after.choices[0].finish_reason == "length"


def test_errors_are_the_clients_own_classes(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        # A controller that just started may not know yet: then the client is told to come back.
        client.with_options(max_retries=10).chat.completions.create(model="x", messages=ASK)
    assert missing.value.code == "40301"
    assert missing.value.param == "model"
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.chat.completions.create(model=MODEL, messages=ASK, temperature=3)
    with pytest.raises(openai.BadRequestError, match="maximum context length") as long:
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "word " * 20_000}]
        )
    assert long.value.code == "40303"
