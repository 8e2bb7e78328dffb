import asyncio
import json
from typing import Any

import httpx
import pytest

from fastchat.core.errors import OutOfMemory
from fastchat.worker.shell import Shell
from tests.scripted import ScriptedEngine
from tests.servers import until

ASK: dict[str, Any] = {"model": "m", "prompt": "hi ", "echo": False}


async def messages(worker: httpx.AsyncClient, ask: dict[str, Any]) -> list[Any]:
    answer = await worker.post("/worker_generate_stream", json=ask)
    assert answer.status_code == 200
    assert answer.content.endswith(b"\0")
    return [json.loads(message) for message in answer.content[:-1].split(b"\0")]


async def test_a_stream_carries_the_whole_text_each_time(worker: httpx.AsyncClient) -> None:
    said = await messages(worker, ASK)
    assert [m["text"] for m in said] == ["one", "one two", "one two three"]
    assert said[-1] == {
        "text": "one two three",
        "error_code": 0,
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        "finish_reason": "stop",
        "logprobs": None,
    }


async def test_the_prompt_is_repeated_unless_told_not_to(worker: httpx.AsyncClient) -> None:
    said = await messages(worker, {"prompt": "hi "})
    assert said[0]["text"] == "hi one"


async def test_a_plain_answer_is_the_last_message(worker: httpx.AsyncClient) -> None:
    answer = (await worker.post("/worker_generate", json=ASK)).json()
    assert (answer["text"], answer["finish_reason"]) == ("one two three", "stop")


async def test_parameters_reach_the_engine(
    worker: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    await messages(
        worker,
        ASK
        | {"temperature": 0.3, "top_p": 0.9, "top_k": -1, "max_new_tokens": 5, "stop": ["x", ""]},
    )
    asked = engine.asked[0]
    assert (asked.sampling.temperature, asked.sampling.top_p, asked.sampling.top_k) == (
        0.3,
        0.9,
        None,
    )
    assert (asked.max_tokens, asked.stop) == (5, ("x",))


async def test_null_parameters_cost_no_slot(worker: httpx.AsyncClient, shell: Shell) -> None:
    nulls = dict.fromkeys(["temperature", "top_p", "top_k", "max_new_tokens", "stop", "logprobs"])
    for _ in range(6):
        assert (await messages(worker, ASK | nulls))[-1]["finish_reason"] == "stop"
    assert shell.admission.queue_length == 0


@pytest.mark.parametrize("path", ["/worker_generate", "/worker_generate_stream"])
async def test_an_error_is_a_message_with_its_code(
    worker: httpx.AsyncClient, engine: ScriptedEngine, path: str
) -> None:
    engine.failure = OutOfMemory("CUDA out of memory")
    answer = await worker.post(path, json=ASK)
    message = json.loads(answer.content.rstrip(b"\0"))
    assert answer.status_code == 200
    assert message["error_code"] == 50002
    assert "CUDA out of memory" in message["text"]


async def test_an_error_in_mid_stream_is_the_one_last_message(
    worker: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    engine.failure, engine.fails_at = OutOfMemory("oom"), 2
    said = await messages(worker, ASK)
    assert [m["error_code"] for m in said] == [0, 0, 50002]


async def test_what_cannot_be_honoured_is_refused(worker: httpx.AsyncClient) -> None:
    for change in ({"images": ["x"]}, {"use_beam_search": True}, {"best_of": 2}):
        said = await messages(worker, ASK | change)
        assert said[0]["error_code"] == 40001
        assert next(iter(change)) in said[0]["text"]


async def test_what_no_worker_of_0_2_36_knows_changes_nothing_here_either(
    worker: httpx.AsyncClient,
) -> None:
    answer = await worker.post("/worker_generate", json=ASK | {"n": 2, "user": "x"})
    assert answer.json()["text"] == "one two three"


async def test_the_questions_of_an_api_server_of_0_2_36(worker: httpx.AsyncClient) -> None:
    async def ask(path: str, body: Any = None) -> Any:
        answer = await worker.post(path, json=body) if body else await worker.post(path)
        return answer.json()

    told = await ask("/worker_get_status")
    assert {"model_names": ["m"], "speed": 1, "queue_length": 0}.items() <= told.items()
    assert await ask("/model_details", {"model": "m"}) == {"context_length": 100}
    assert await ask("/count_token", {"model": "m", "prompt": "a b"}) == {
        "count": 2,
        "error_code": 0,
    }
    conv = (await ask("/worker_get_conv_template"))["conv"]
    assert conv["roles"] == ["<|im_start|>user", "<|im_start|>assistant"]
    assert conv["system_message"] == "Be kind."


async def test_the_queue_length_is_what_runs_and_waits(
    served_worker: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    engine.held = asyncio.Event()
    task = asyncio.create_task(served_worker.post("/worker_generate", json=ASK))
    await until(lambda: engine.running)
    assert (await served_worker.post("/worker_get_status")).json()["queue_length"] == 1
    engine.held.set()
    await task


async def test_a_client_that_leaves_frees_its_slot(
    served_worker: httpx.AsyncClient, engine: ScriptedEngine, shell: Shell
) -> None:
    engine.held = asyncio.Event()
    task = asyncio.create_task(served_worker.post("/worker_generate", json=ASK))
    await until(lambda: engine.running)
    task.cancel()
    await until(lambda: shell.admission.queue_length == 0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"temperature": -5}, "temperature"),
        ({"top_p": 5}, "top_p"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"logprobs": 50_000}, "logprobs"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"stop": ["x"] * 100_000}, "stop"),
        ({"stop_token_ids": [1] * 100_000}, "stop_token_ids"),
    ],
)
async def test_the_bounds_are_those_of_the_openai_routes(
    worker: httpx.AsyncClient, engine: ScriptedEngine, change: dict[str, Any], field: str
) -> None:
    said = await messages(worker, ASK | change)
    assert said[0]["error_code"] in (40001, 40302)
    assert field in said[0]["text"]
    assert engine.asked == []


async def test_an_engine_without_embeddings_says_so_in_the_words_of_0_2_36(
    worker: httpx.AsyncClient,
) -> None:
    answer = await worker.post("/worker_get_embeddings", json={"model": "m", "input": ["a"]})
    assert (answer.status_code, answer.json()["error_code"]) == (200, 40001)
    assert "does not support: embeddings" in answer.json()["text"]
