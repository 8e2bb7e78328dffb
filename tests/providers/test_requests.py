"""What each vendor is sent."""

from typing import Any

import pytest

from fastchat.core.chat import Audio, Chat, Image, Message, NamedTool, Text, Tool, ToolCall
from fastchat.core.constraints import JsonSchema
from fastchat.core.errors import InvalidRequest, PlatformError, Unsupported
from fastchat.core.generation import GenerationRequest, Sampling, collect
from tests.providers import recorded
from tests.providers.fakes import HELLO, KEY, Fake, opened, request

SAID = {
    "openai": recorded.OPENAI_TEXT,
    "anthropic": recorded.ANTHROPIC_TEXT,
    "gemini": recorded.GEMINI_TEXT,
    "openai_responses": recorded.RESPONSES_TEXT,
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = Tool(name="weather", description="How it is.", parameters=SCHEMA)
PICTURE = "data:image/png;base64,iVBOR"
LOOP = Chat(
    (
        Message(role="system", content="Be brief."),
        Message(role="developer", content="Be kind."),
        Message(role="user", content=(Text("What is this?"), Image(PICTURE))),
        Message(
            role="assistant",
            content="I look.",
            tool_calls=(ToolCall(id="c1", name="weather", arguments='{"city": "Bern"}'),),
        ),
        Message(role="tool", content="sunny", tool_call_id="c1"),
        Message(role="user", content="Thanks"),
    ),
    tools=(WEATHER,),
)


async def _sent(api_type: str, asked: GenerationRequest, **values: Any) -> tuple[Any, Fake]:
    fake = Fake(SAID.get(api_type, recorded.OPENAI_TEXT))
    async with opened(api_type, fake, **values) as engine:
        await collect(engine.generate(asked))
    return fake.asked[0], fake


async def test_openai_is_sent_what_it_knows() -> None:
    body, fake = await _sent(
        "openai", request(LOOP, max_tokens=5, sampling=Sampling(temperature=0.2, seed=3))
    )
    assert fake.requests[0].path == "/v1/chat/completions"
    assert fake.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert (body["model"], body["max_completion_tokens"], body["seed"]) == ("theirs", 5, 3)
    assert body["stream_options"] == {"include_usage": True}
    assert [one["role"] for one in body["messages"]] == [
        "system", "developer", "user", "assistant", "tool", "user",
    ]  # fmt: skip
    assert body["messages"][3]["tool_calls"][0]["function"]["name"] == "weather"
    assert not {"max_tokens", "top_p", "top_k"} & set(body)


async def test_others_know_no_developers_and_call_the_limit_max_tokens() -> None:
    body, _ = await _sent("together", request(LOOP, max_tokens=5))
    assert [one["role"] for one in body["messages"]][:2] == ["system", "system"]
    assert body["max_tokens"] == 5


@pytest.mark.parametrize(
    ("api_type", "model", "fixed"),
    [("openai", "o3-mini", True), ("openai", "gpt-4o", False), ("openai_o1", "any", True)],
)
async def test_a_model_that_fixes_its_sampling_is_not_told(
    api_type: str, model: str, fixed: bool
) -> None:
    asked = request(sampling=Sampling(temperature=0.7, top_p=0.9))
    body, _ = await _sent(api_type, asked, model_name=model)
    assert ("temperature" not in body and "top_p" not in body) is fixed


async def test_azure_names_its_deployment_in_the_address() -> None:
    _, fake = await _sent("azure", request(), model_name="my gpt")
    assert fake.requests[0].raw_path == (
        "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"
    )
    assert fake.requests[0].headers["api-key"] == KEY
    assert "authorization" not in fake.requests[0].headers


async def test_no_stream_is_asked_for_where_there_is_none() -> None:
    body, _ = await _sent("openai_no_stream", request())
    assert body["stream"] is False
    assert "stream_options" not in body
    body, _ = await _sent("mistral", request())
    assert body["stream"] is True
    assert "stream_options" not in body


async def test_anthropic_is_sent_turns_that_alternate() -> None:
    body, fake = await _sent("anthropic", request(LOOP, stop=("END",)))
    assert fake.requests[0].path == "/v1/messages"
    assert fake.requests[0].headers["x-api-key"] == KEY
    assert fake.requests[0].headers["anthropic-version"] == "2023-06-01"
    assert body["system"] == "Be brief.\n\nBe kind."
    assert (body["max_tokens"], body["stop_sequences"]) == (4096, ["END"])
    picture, turn, result = body["messages"][0], body["messages"][1], body["messages"][2]
    assert [one["role"] for one in body["messages"]] == ["user", "assistant", "user"]
    assert picture["content"][1]["source"] == {
        "type": "base64", "media_type": "image/png", "data": "iVBOR",
    }  # fmt: skip
    assert turn["content"][1] == {
        "type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Bern"},
    }  # fmt: skip
    assert [block["type"] for block in result["content"]] == ["tool_result", "text"]
    assert body["tools"][0]["input_schema"] == SCHEMA
    assert body["tool_choice"] == {"type": "auto"}


async def test_thinking_is_asked_for_beside_the_answer() -> None:
    body, _ = await _sent("anthropic", request(Chat(HELLO.messages, reasoning_effort="low")))
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    assert body["max_tokens"] == 4096 + 1024


async def test_vertex_names_the_model_in_the_address() -> None:
    fake = Fake(recorded.ANTHROPIC_TEXT)
    async with opened("anthropic_message_vertex", fake) as engine:
        await collect(engine.generate(request()))
    path = "/publishers/anthropic/models/theirs:streamRawPredict"
    assert fake.requests[0].path == path
    assert fake.asked[0]["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in fake.asked[0]


async def test_gemini_is_sent_contents() -> None:
    asked = request(LOOP, constraint=JsonSchema(SCHEMA), max_tokens=5)
    body, fake = await _sent("gemini", asked)
    assert fake.requests[0].raw_path == "/models/theirs:streamGenerateContent?alt=sse"
    assert fake.requests[0].headers["x-goog-api-key"] == KEY
    assert [one["role"] for one in body["contents"]] == ["user", "model", "user"]
    assert body["systemInstruction"]["parts"] == [{"text": "Be brief."}, {"text": "Be kind."}]
    assert body["contents"][2]["parts"][0]["functionResponse"] == {
        "name": "weather", "response": {"result": "sunny"},
    }  # fmt: skip
    assert body["generationConfig"]["maxOutputTokens"] == 5
    assert body["generationConfig"]["responseJsonSchema"] == SCHEMA
    assert body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == SCHEMA
    assert {one["threshold"] for one in body["safetySettings"]} == {"BLOCK_NONE"}


async def test_responses_are_sent_items_and_keep_nothing() -> None:
    body, fake = await _sent("openai_responses", request(LOOP, constraint=JsonSchema(SCHEMA)))
    assert fake.requests[0].path == "/v1/responses"
    assert body["store"] is False
    assert [one["type"] for one in body["input"]] == [
        "message", "message", "message", "message", "function_call", "function_call_output",
        "message",
    ]  # fmt: skip
    assert body["text"]["format"]["schema"] == SCHEMA
    assert body["tools"][0]["name"] == "weather"


@pytest.mark.parametrize(
    ("choice", "anthropic", "gemini"),
    [
        ("required", {"type": "any"}, {"mode": "ANY"}),
        ("none", {"type": "none"}, {"mode": "NONE"}),
        (
            NamedTool("weather"),
            {"type": "tool", "name": "weather"},
            {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        ),
    ],
)
async def test_a_tool_can_be_demanded(choice: Any, anthropic: Any, gemini: Any) -> None:
    asked = request(Chat(HELLO.messages, tools=(WEATHER,), tool_choice=choice))
    body, _ = await _sent("anthropic", asked)
    assert body["tool_choice"] == anthropic
    body, _ = await _sent("gemini", asked)
    assert body["toolConfig"] == {"functionCallingConfig": gemini}


async def test_an_entry_may_have_a_system_prompt() -> None:
    body, _ = await _sent("anthropic", request(), system_prompt="You are a cat.")
    assert body["system"] == "You are a cat."
    body, _ = await _sent("anthropic", request(LOOP), system_prompt="You are a cat.")
    assert "cat" not in body["system"]


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        ("plain text", InvalidRequest),
        (Chat((Message(role="user", content=(Audio("QQ==", "wav"),)),)), Unsupported),
        (Chat((Message(role="user", content=(Image("file:///etc/passwd"),)),)), InvalidRequest),
        (
            Chat(
                (
                    Message(
                        role="assistant",
                        tool_calls=(ToolCall(id="1", name="f", arguments="no json"),),
                    ),
                )
            ),
            InvalidRequest,
        ),
    ],
)
async def test_what_cannot_be_said_there_is_refused(
    prompt: Any, error: type[PlatformError]
) -> None:
    fake = Fake(recorded.ANTHROPIC_TEXT)
    async with opened("anthropic", fake) as engine:
        with pytest.raises(error):
            await collect(engine.generate(GenerationRequest(id="1", model="ours", prompt=prompt)))
    assert fake.asked == []


async def test_anthropic_is_given_a_schema_and_asked_for_no_json_without_one() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    body, _ = await _sent("anthropic", request(constraint=JsonSchema(schema)))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    with pytest.raises(Unsupported, match="json_object"):
        await _sent("anthropic", request(constraint=JsonSchema({})))
