"""Tools, parts and reasoning: from a client's JSON to values, and back to JSON."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from fastchat.client.openai_wire import Event, body_of, chunk_of
from fastchat.core.chat import Audio, Chat, Image, Message, NamedTool, Text, Tool, ToolCall
from fastchat.core.errors import InvalidRequest, Unsupported
from fastchat.core.generation import (
    Chunk,
    GenerationRequest,
    ToolCallDelta,
    Usage,
    collect,
    joined,
    required_features,
)
from fastchat.protocol.openai.completion import Completion, chat_completion

WEATHER = {"name": "weather", "parameters": {"type": "object"}}
CALL = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"at": 1}'}}


def asked(**fields: Any) -> Completion:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}
    return chat_completion(json.dumps(body).encode(), "7", 5)


def generation(**fields: Any) -> GenerationRequest:
    return asked(**fields).plan.requests[0]


def chat(**fields: Any) -> Chat:
    prompt = generation(**fields).prompt
    assert isinstance(prompt, Chat)
    return prompt


def tool(function: dict[str, Any] = WEATHER) -> dict[str, Any]:
    return {"type": "function", "function": function}


ANSWER = [
    Chunk(reasoning="Hm"),
    Chunk(text="Let me"),
    Chunk(tool_calls=(ToolCallDelta(index=0, id="a", name="weather", arguments='{"a'),)),
    Chunk(tool_calls=(ToolCallDelta(index=0, arguments='t": 1}'),)),
    Chunk(tool_calls=(ToolCallDelta(index=1, id="b", name="time"),)),
    Chunk(usage=Usage(completion_tokens=9, reasoning_tokens=2), finish_reason="tool_calls"),
]


async def answering(request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
    for chunk in ANSWER:
        yield chunk


def test_a_conversation_with_tools_arrives_whole() -> None:
    found = chat(
        messages=[
            {"role": "developer", "content": "d"},
            {"role": "user", "content": [{"type": "text", "text": "a"}]},
            {"role": "assistant", "reasoning": "hm", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "1", "content": "rain"},
        ],
        tools=[tool()],
        tool_choice="required",
        parallel_tool_calls=False,
    )
    call = ToolCall(id="1", name="weather", arguments='{"at": 1}')
    assert found.messages == (
        Message(role="developer", content="d"),
        Message(role="user", content="a"),
        Message(role="assistant", reasoning="hm", tool_calls=(call,)),
        Message(role="tool", content="rain", tool_call_id="1"),
    )
    assert found.tools == (Tool(name="weather", parameters={"type": "object"}),)
    assert (found.tool_choice, found.parallel_tool_calls) == ("required", False)


def test_pictures_and_sounds_are_parts() -> None:
    parts = [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "data:x", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
    ]
    request = generation(messages=[{"role": "user", "content": parts}])
    assert isinstance(request.prompt, Chat)
    content = request.prompt.messages[0].content
    assert content == (Text("a"), Image("data:x", "low"), Audio("AA==", "wav"))
    assert required_features(request) == {"chat", "vision", "audio"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [tool()], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [tool()], "tool_choice": tool({"name": "other"})}, "tool_choice"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [tool({"name": "a b"})]}, "tools[0].function.name"),
        ({"tools": [tool()], "functions": [WEATHER]}, "functions"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": "", "tool_calls": [CALL]}]}, "messages[0]"),
        ({"guided_regex": "a", "guided_choice": ["b"]}, "guided_choice"),
        ({"guided_choice": [""]}, "guided_choice"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        generation(**fields)
    assert refused.value.param == param


def test_tools_of_another_kind_are_refused_by_their_kind() -> None:
    with pytest.raises(Unsupported, match="web_search"):
        generation(tools=[{"type": "web_search"}])


def test_tools_that_must_not_be_called_need_no_engine_that_can() -> None:
    request = generation(tools=[tool()], tool_choice="none")
    assert required_features(request) == {"chat"}


async def test_a_whole_answer_has_its_calls_and_its_reasoning_under_both_names() -> None:
    answer = json.loads(await asked().whole(answering))
    message = answer["choices"][0]["message"]
    calls = [(one["id"], one["function"]["name"]) for one in message["tool_calls"]]
    assert calls == [("a", "weather"), ("b", "time")]
    assert message["tool_calls"][0]["function"]["arguments"] == '{"at": 1}'
    assert message["reasoning"] == message["reasoning_content"] == "Hm"
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert answer["usage"]["completion_tokens_details"] == {"reasoning_tokens": 2}


async def test_a_streamed_answer_is_read_back_by_our_own_client() -> None:
    chunks = []
    async for raw in asked(stream=True).events(answering):
        for line in raw.splitlines():
            if line.startswith(b"data: {"):
                event = msgspec.json.decode(line[6:], type=Event)
                chunks += [chunk_of(choice, Usage()) for choice in event.choices or ()]
    read, said = joined(chunks), joined(ANSWER)
    assert (read.text, read.reasoning, read.tool_calls) == (
        said.text,
        said.reasoning,
        said.tool_calls,
    )


def test_what_our_client_sends_is_what_was_asked() -> None:
    request = generation(
        messages=[
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "1", "content": "rain"},
        ],
        tools=[tool(WEATHER | {"strict": True, "description": "w"})],
        tool_choice=tool({"name": "weather"}),
        parallel_tool_calls=False,
        reasoning_effort="low",
        guided_regex="a+",
    )
    sent = chat_completion(json.dumps(body_of(request)).encode(), "7", 5).plan.requests[0]
    assert sent.prompt == request.prompt
    assert sent.constraint == request.constraint
    assert isinstance(sent.prompt, Chat)
    assert sent.prompt.tool_choice == NamedTool("weather")


async def test_who_knows_functions_only_gets_a_function_call() -> None:
    completion = asked(functions=[WEATHER], function_call={"name": "weather"})
    request = completion.plan.requests[0]
    assert isinstance(request.prompt, Chat)
    assert not request.prompt.parallel_tool_calls
    choice = json.loads(await completion.whole(answering))["choices"][0]
    assert choice["message"]["function_call"]["name"] == "weather"
    assert choice["finish_reason"] == "function_call"
    assert (await collect(answering(request))).tool_calls[0].name == "weather"
