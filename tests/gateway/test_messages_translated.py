"""Anthropic's requests as OpenAI's, and OpenAI's streams as Anthropic's, without a server."""

import json
from typing import Any

import msgspec
import pytest

from fastchat.core.errors import InvalidRequest, Unsupported
from fastchat.gateway.frontends.anthropic import answer
from fastchat.gateway.frontends.anthropic.events import PING, Events
from fastchat.gateway.frontends.anthropic.schema import MessagesRequest
from fastchat.gateway.frontends.anthropic.translate import chat_body

CALL = {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Paris"}}
PICTURE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
}


def translated(*messages: dict[str, Any], **more: object) -> dict[str, Any]:
    asked = {"model": "m", "max_tokens": 5, "messages": messages} | more
    return dict(chat_body(msgspec.convert(asked, MessagesRequest)))


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": blocks}


def test_results_of_tools_come_before_what_the_user_says() -> None:
    result = {"type": "tool_result", "tool_use_id": "c1", "content": "17", "is_error": True}
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    body = translated(
        user({"type": "text", "text": "Weather?"}),
        {"role": "assistant", "content": [thought, CALL]},
        user({"type": "text", "text": "Well?"}, result),
    )
    function = {"name": "weather", "arguments": '{"city": "Paris"}'}
    assert body["messages"] == [
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "reasoning_content": "Hm.",
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "Error: 17"},
        {"role": "user", "content": "Well?"},
    ]


def test_pictures_are_data_urls_or_urls() -> None:
    by_url = {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}
    [message] = translated(user(PICTURE, by_url, {"type": "text", "text": "What?"}))["messages"]
    urls = [part["image_url"]["url"] for part in message["content"][:2]]
    assert urls == ["data:image/png;base64,AAAA", "https://x/y.png"]
    assert message["content"][2] == {"type": "text", "text": "What?"}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        (
            {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
            {
                "tool_choice": {"type": "function", "function": {"name": "weather"}},
                "parallel_tool_calls": False,
            },
        ),
    ],
)
def test_which_tool_is_to_be_called(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    tools = [{"name": "weather", "input_schema": {"type": "object"}}]
    body = translated(user({"type": "text", "text": "hi"}), tools=tools, tool_choice=given)
    assert {key: body[key] for key in wanted} == wanted
    assert body["tools"][0]["function"]["parameters"] == {"type": "object"}


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [
        ({"type": "enabled", "budget_tokens": 1024}, "low"),
        ({"type": "enabled", "budget_tokens": 5000}, "medium"),
        ({"type": "enabled", "budget_tokens": 32000}, "high"),
        ({"type": "disabled"}, "none"),
        ({"type": "adaptive"}, None),
    ],
)
def test_how_long_it_may_think_is_an_effort(thinking: dict[str, Any], effort: str | None) -> None:
    body = translated(user({"type": "text", "text": "hi"}), thinking=thinking)
    assert body.get("reasoning_effort") == effort


def test_a_schema_is_a_response_format() -> None:
    format = {"type": "json_schema", "schema": {"type": "object"}}
    body = translated(user({"type": "text", "text": "hi"}), output_config={"format": format})
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}


def test_what_nobody_here_can_is_refused_by_name() -> None:
    hi = {"type": "text", "text": "hi"}
    with pytest.raises(Unsupported, match="web_search"):
        translated(user(hi), tools=[{"type": "web_search_20250305", "name": "web_search"}])
    with pytest.raises(Unsupported, match="mcp_servers"):
        translated(user(hi), mcp_servers=[{}])
    with pytest.raises(InvalidRequest, match="tool_use"):
        translated(user(hi, CALL))


def chunk(delta: dict[str, Any], **more: object) -> bytes:
    said = {"id": "chatcmpl-1", "model": "m", "choices": [{"delta": delta} | more]}
    return b"data: " + json.dumps(said, ensure_ascii=False).encode() + b"\n\n"


def called(index: int, arguments: str, **more: str) -> dict[str, Any]:
    function = {"arguments": arguments, **more}
    return {"tool_calls": [{"index": index, "id": f"c{index}", "function": function}]}


STREAM = b"".join(
    [
        b": keep-alive\n\n",
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Hm. 漢"}),
        chunk({"content": "Let "}),
        chunk({"content": "me see."}),
        chunk(called(0, "", name="weather")),
        chunk(called(0, '{"city": "P')),
        chunk(called(0, 'aris"}')),
        chunk(called(1, "{}", name="time")),
        chunk({}, finish_reason="tool_calls"),
        b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":9}}\n\n',
        b"data: [DONE]\n\n",
    ]
)


def read(*pieces: bytes) -> bytes:
    events = Events("r1")
    return b"".join([*map(events.read, pieces), events.rest()])


def test_blocks_follow_each_other() -> None:
    ping, *told = read(STREAM).split(b"\n\n")[:-1]
    assert ping + b"\n\n" == PING
    said = [json.loads(one.partition(b"data: ")[2]) for one in told]
    blocks = [one["content_block"] for one in said if one["type"] == "content_block_start"]
    kinds = [(block["type"], block.get("name")) for block in blocks]
    assert kinds == [
        ("thinking", None),
        ("text", None),
        ("tool_use", "weather"),
        ("tool_use", "time"),
    ]
    open_blocks: list[int] = []
    for one in said:
        if one["type"] == "content_block_start":
            open_blocks.append(one["index"])
        elif one["type"].startswith("content_block"):
            assert open_blocks == [one["index"]]
            if one["type"] == "content_block_stop":
                open_blocks.clear()
    assert [one["type"] for one in said[-2:]] == ["message_delta", "message_stop"]
    assert said[-2]["usage"]["output_tokens"] == 9


def test_wherever_a_stream_is_cut_it_says_the_same() -> None:
    whole = read(STREAM)
    for place in range(1, len(STREAM)):
        assert read(STREAM[:place], STREAM[place:]) == whole


BROKEN = [
    b"",
    b'data: {"error":{"message":"Broken.","code":50001}}\n\n',
    b"data: nonsense\n\n",
    b'data: {"id":"\xff"}\n\n',
    b'data: {"x":' + b"[" * 5000 + b"\n\n",
]


@pytest.mark.parametrize("end", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_stream_ends_in_one_error(end: bytes) -> None:
    last = read(chunk({"content": "Hm"}) + end + chunk({"content": "more"})[: 9 if end else 0])
    assert last.count(b"event: error") == 1
    assert last.endswith(b'"request_id":"r1"}\n\n')


def test_arguments_that_are_no_object_are_kept() -> None:
    message = {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "[1"}}]}
    said = json.dumps({"id": "1", "choices": [{"message": message}]}).encode()
    [block] = json.loads(answer.message(said))["content"]
    assert block["input"] == {"arguments": "[1"}
