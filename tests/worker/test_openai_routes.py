import asyncio
import json
from typing import Any

import httpx
import pytest

from fastchat.core.constraints import JsonSchema
from fastchat.core.errors import EngineFailed, OutOfMemory
from fastchat.core.generation import Chat
from fastchat.worker.shell import Shell
from tests.scripted import ScriptedEngine
from tests.servers import until

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
TEXT: dict[str, Any] = {"model": "m", "prompt": "hi"}


def events(answer: httpx.Response) -> list[Any]:
    lines = [line for line in answer.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    return [line[6:] if line == "data: [DONE]" else json.loads(line[6:]) for line in lines]


async def test_a_chat_answer_has_all_its_fields(worker: httpx.AsyncClient) -> None:
    answer = await worker.post("/v1/chat/completions", json=CHAT)
    assert answer.json() == {
        "id": "chatcmpl-id",
        "object": "chat.completion",
        "created": 1234,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "one two three"},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 7,
            "total_tokens": 10,
            "completion_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
    }


async def test_a_chat_stream_has_role_text_reason_and_done(worker: httpx.AsyncClient) -> None:
    answer = await worker.post("/v1/chat/completions", json=CHAT | {"stream": True})
    assert answer.headers["content-type"] == "text/event-stream"
    *chunks, done = events(answer)
    assert done == "[DONE]"
    assert all(c["object"] == "chat.completion.chunk" and c["created"] == 1234 for c in chunks)
    assert [c["choices"][0]["delta"] for c in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "one"},
        {"content": " two"},
        {"content": " three"},
        {},
    ]
    assert [c["choices"][0]["finish_reason"] for c in chunks] == [None] * 4 + ["stop"]
    assert all("usage" not in c for c in chunks)


async def test_usage_comes_last_when_asked_for(worker: httpx.AsyncClient) -> None:
    ask = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    *chunks, last, done = events(await worker.post("/v1/chat/completions", json=ask))
    assert all(c["usage"] is None for c in chunks)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 10
    assert done == "[DONE]"


async def test_every_choice_of_n_comes_whole(worker: httpx.AsyncClient) -> None:
    answer = (await worker.post("/v1/chat/completions", json=CHAT | {"n": 2})).json()
    assert [c["index"] for c in answer["choices"]] == [0, 1]
    assert answer["usage"]["completion_tokens"] == 6


async def test_the_choices_of_a_seeded_request_differ_in_seed(
    worker: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    await worker.post("/v1/chat/completions", json=CHAT | {"n": 2, "seed": 5})
    assert sorted(asked.sampling.seed or 0 for asked in engine.asked) == [5, 6]


async def test_a_completion_has_text_and_length_16_by_default(
    worker: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    answer = (await worker.post("/v1/completions", json=TEXT | {"echo": True})).json()
    assert answer["choices"][0]["text"] == "hione two three"
    assert answer["object"] == "text_completion"
    assert engine.asked[0].max_tokens == 16


async def test_several_prompts_are_answered_in_their_order(worker: httpx.AsyncClient) -> None:
    ask = TEXT | {"prompt": ["a", "b"], "echo": True, "n": 2}
    answer = (await worker.post("/v1/completions", json=ask)).json()
    assert [c["text"][0] for c in answer["choices"]] == ["a", "a", "b", "b"]


async def test_a_prompt_may_be_token_ids(worker: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    await worker.post("/v1/completions", json=TEXT | {"prompt": [1, 2]})
    await worker.post("/v1/completions", json=TEXT | {"prompt": [[3], [4, 5]]})
    assert {asked.prompt for asked in engine.asked} == {(1, 2), (3,), (4, 5)}


async def test_a_completion_stream_ends_with_reason_and_done(worker: httpx.AsyncClient) -> None:
    *chunks, done = events(await worker.post("/v1/completions", json=TEXT | {"stream": True}))
    assert "".join(c["choices"][0]["text"] for c in chunks) == "one two three"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert all(c["created"] == 1234 for c in chunks)
    assert done == "[DONE]"


async def test_logprobs_take_the_shape_of_each_endpoint(worker: httpx.AsyncClient) -> None:
    chat = (await worker.post("/v1/chat/completions", json=CHAT | {"logprobs": True})).json()
    first = chat["choices"][0]["logprobs"]["content"][0]
    assert first == {"token": "one", "logprob": -0.5, "bytes": [111, 110, 101], "top_logprobs": []}
    text = (await worker.post("/v1/completions", json=TEXT | {"logprobs": 0})).json()
    assert text["choices"][0]["logprobs"]["text_offset"] == [0, 3, 7]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": [{"type": "smell"}]}]}, None),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"top_p": 1.1}, "top_p"),
        ({"top_k": 0}, "top_k"),
        ({"n": 0}, "n"),
        ({"n": 1000}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"stop": [1]}, "stop[0]"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logit_bias": {"x": 1}}, "logit_bias"),
        ({"logit_bias": {"1" * 5000: 1}}, "logit_bias"),
        ({"response_format": {"type": "poem"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"function_call": {"name": "f"}}, "function_call"),
        ({"min_p": 0.5}, "min_p"),
        ({"messages": ""}, "messages"),
        ({"n": 5}, "n"),
        ({"min_tokens": 2}, "min_tokens"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"guided_regex": "a+"}, "guided_regex"),
        ({"guided_json": "{"}, "guided_json"),
        (
            {"guided_json": {"type": "object"}, "response_format": {"type": "json_object"}},
            "guided_json",
        ),
        ({"model": 3}, "model"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_bad_field_is_named(
    worker: httpx.AsyncClient, change: dict[str, Any], param: str | None, stream: bool
) -> None:
    answer = await worker.post("/v1/chat/completions", json=CHAT | change | {"stream": stream})
    assert answer.status_code == 400
    error = answer.json()["error"]
    if param is not None:
        assert error["param"] == param
        assert param in error["message"]


async def test_a_picture_for_a_model_that_sees_none_is_refused_by_name(
    worker: httpx.AsyncClient,
) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:x"}}
    ask = CHAT | {"messages": [{"role": "user", "content": [image]}]}
    error = (await worker.post("/v1/chat/completions", json=ask)).json()["error"]
    assert error["param"] == "vision"


async def test_what_other_servers_call_guided_json_is_a_schema(
    worker: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    for schema in ({"type": "object"}, '{"type": "object"}'):
        ask = CHAT | {"guided_json": schema, "stop_token_ids": [7]}
        await worker.post("/v1/chat/completions", json=ask)
    assert [asked.constraint for asked in engine.asked] == [JsonSchema({"type": "object"})] * 2
    assert engine.asked[0].stop_token_ids == (7,)


async def test_null_is_as_good_as_nothing(worker: httpx.AsyncClient, shell: Shell) -> None:
    nulls = dict.fromkeys(["temperature", "top_p", "top_k", "n", "stop", "max_tokens", "seed"])
    for _ in range(6):
        answer = await worker.post("/v1/chat/completions", json=CHAT | nulls)
        assert answer.status_code == 200
    assert shell.admission.queue_length == 0


async def test_an_unknown_model_is_not_found(worker: httpx.AsyncClient) -> None:
    answer = await worker.post("/v1/chat/completions", json=CHAT | {"model": "x"})
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "message": "Only m allowed now, your model x",
        "type": "invalid_request_error",
        "param": "model",
        "code": 40301,
    }


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_before_the_first_word_is_an_ordinary_answer(
    worker: httpx.AsyncClient, engine: ScriptedEngine, stream: bool
) -> None:
    engine.failure = OutOfMemory("out of memory")
    answer = await worker.post("/v1/chat/completions", json=CHAT | {"stream": stream})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, 50002)


async def test_an_error_in_mid_stream_is_the_one_last_event(
    worker: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    engine.failure, engine.fails_at = EngineFailed("broken"), 2
    *chunks, last = events(await worker.post("/v1/completions", json=TEXT | {"stream": True}))
    assert [c["choices"][0]["text"] for c in chunks] == ["one", " two"]
    assert last["error"]["code"] == 50001


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_frees_its_slot(
    served_worker: httpx.AsyncClient, engine: ScriptedEngine, shell: Shell, stream: bool
) -> None:
    engine.held = asyncio.Event()
    ask = CHAT | {"stream": stream}
    task = asyncio.create_task(served_worker.post("/v1/chat/completions", json=ask))
    await until(lambda: engine.running)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: shell.admission.queue_length == 0)
    assert engine.running == 0


async def test_a_full_worker_refuses_with_advice(
    served_worker: httpx.AsyncClient, engine: ScriptedEngine, shell: Shell
) -> None:
    engine.held = asyncio.Event()
    ask = CHAT | {"stream": True}
    tasks = [
        asyncio.create_task(served_worker.post("/v1/chat/completions", json=ask)) for _ in range(4)
    ]
    await until(lambda: shell.admission.queue_length == 4)
    refused = await served_worker.post("/v1/chat/completions", json=ask)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, 42903)
    assert int(refused.headers["retry-after"]) >= 1
    engine.held.set()
    assert [answer.status_code for answer in await asyncio.gather(*tasks)] == [200] * 4


async def test_models_and_tokens_can_be_asked_for(worker: httpx.AsyncClient) -> None:
    models = (await worker.get("/v1/models")).json()
    [card] = models["data"]
    assert (card["id"], card["max_model_len"]) == ("m", 100)
    assert {"chat", "completions", "logprobs"} <= set(card["capabilities"])
    assert not {"embeddings", "tools"} & set(card["capabilities"])
    tokens = (await worker.post("/tokenize", json={"prompt": "a b c"})).json()
    assert tokens == {"count": 3, "max_model_len": 100}
    chat = await worker.post("/tokenize", json={"messages": CHAT["messages"]})
    assert chat.json()["count"] == 6


async def test_health_and_readiness(worker: httpx.AsyncClient) -> None:
    assert (await worker.get("/health")).status_code == 200
    assert (await worker.get("/ready")).json() == {"ready": True}


async def test_an_open_turn_of_the_assistant_goes_on(
    worker: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    engine.features |= {"continuation"}
    said = [*CHAT["messages"], {"role": "assistant", "content": "one tw"}]
    body = CHAT | {"messages": said, "continue_final_message": True}
    assert (await worker.post("/v1/chat/completions", json=body)).status_code == 200
    asked = engine.asked[0]
    assert asked.continue_from == "one tw"
    assert isinstance(asked.prompt, Chat)
    assert [message.role for message in asked.prompt.messages] == ["user"]


async def test_only_the_assistants_turn_can_be_continued(worker: httpx.AsyncClient) -> None:
    answer = await worker.post("/v1/chat/completions", json=CHAT | {"continue_final_message": True})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "continue_final_message"


async def test_an_engine_that_cannot_go_on_says_so(worker: httpx.AsyncClient) -> None:
    said = [*CHAT["messages"], {"role": "assistant", "content": "one"}]
    body = CHAT | {"messages": said, "continue_final_message": True}
    answer = await worker.post("/v1/chat/completions", json=body)
    assert answer.status_code == 400
    assert "continuation" in answer.json()["error"]["message"]


async def test_tokens_become_their_text_where_the_engine_can(worker: httpx.AsyncClient) -> None:
    asked = await worker.post("/detokenize", json={"model": "m", "tokens": [1]})
    assert (asked.status_code, asked.json()["error"]["param"]) == (400, "detokenize")
    negative = await worker.post("/detokenize", json={"model": "other", "tokens": [1]})
    assert negative.status_code == 404


async def test_what_stands_behind_the_gap_reaches_an_engine_that_can_fill_it(
    worker: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    refused = await worker.post("/v1/completions", json=TEXT | {"suffix": "end"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "suffix")
    engine.features |= {"suffix"}
    filled = await worker.post("/v1/completions", json=TEXT | {"suffix": "end"})
    assert (filled.status_code, engine.asked[0].suffix) == (200, "end")
    for echoed in ({"suffix": "end"}, {"logprobs": 1}):
        answer = await worker.post("/v1/completions", json=TEXT | {"echo": True} | echoed)
        assert answer.status_code == 400
        assert "echo with" in answer.json()["error"]["message"].replace("_", " ")
    assert (await worker.post("/v1/completions", json=TEXT | {"suffix": ""})).status_code == 200
