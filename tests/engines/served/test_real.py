"""One suite for real engines behind a real worker: llama.cpp's server, and vLLM on the CPU."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fastchat.core.config import cache_folder
from tests.engines.served.workers import Process, is_ready, process, wait_until
from tests.running import ROOT
from tools.convert_smollm2 import FOLDER

CHAT = "/v1/chat/completions"
LONG = "Tell me about the sea. " * 30
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "strict": True,  # else vLLM takes any JSON for arguments
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
            "required": ["city"],
        },
    },
}


@dataclass(frozen=True)
class Served:
    """`forces_tools`: a named tool is sure to be called."""

    worker: Process
    forces_tools: bool
    returns_soon: bool


@pytest.fixture(
    scope="module", params=["llama_server", pytest.param("vllm", marks=pytest.mark.engines)]
)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, smollm2_path: Path
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    common = ["--no-register", "--model-names", "m"]
    if request.param == "llama_server":
        arguments = ["--model-path", str(smollm2_path), "--parallel", "4", "--threads", "1"]
        with process(folder, "llama_server_worker", *common, *arguments) as worker:
            yield Served(worker, forces_tools=False, returns_soon=True)
        return
    python = os.environ["VLLM_PYTHON"]
    arguments = ["--model-path", str(_checkpoint(python)), "--engine-python", python, *VLLM]
    with process(folder, "vllm_worker", *common, *arguments, **VLLM_ENVIRONMENT) as worker:
        yield Served(worker, forces_tools=True, returns_soon=False)


VLLM = [
    *("--enforce-eager", "--dtype", "bfloat16", "--max-model-len", "2048", "--max-num-seqs", "8"),
    *("--enable-auto-tool-choice", "--tool-call-parser", "hermes"),
    "--enable-prompt-tokens-details",
]
VLLM_ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}


def _checkpoint(python: str) -> Path:
    """The built-in model as a checkpoint; the engine's own interpreter has what makes one."""
    made = "from tools.convert_smollm2 import converted; converted()"
    subprocess.run([python, "-c", made], cwd=ROOT, check=True)
    return cache_folder() / FOLDER


def chat(text: str = "Say hello.", **more: object) -> dict[str, object]:
    asked = {"model": "m", "messages": [{"role": "user", "content": text}], "temperature": 0}
    return {"max_tokens": 16} | asked | more


def test_a_chat(served: Served) -> None:
    answer = served.worker.post(CHAT, chat("What is the capital of France?", max_tokens=12))
    assert answer.json()["choices"][0]["message"]["content"]
    assert (answer.json()["model"], answer.json()["usage"]["completion_tokens"]) == ("m", 12)


def test_a_stream_ends_once_and_tells_its_counts(served: Served) -> None:
    with served.worker.streaming(CHAT, chat(stream=True)) as lines:
        said = [line for line in lines if line]
    assert said[-1] == "data: [DONE]"
    events = [json.loads(line[6:]) for line in said[:-1]]
    ends = [choice["finish_reason"] for event in events for choice in event["choices"]]
    assert len([end for end in ends if end]) == 1
    assert all(event["choices"] for event in events)  # no event of counts: nobody asked


def test_counts_are_those_of_the_engine(served: Served) -> None:
    answer = served.worker.post(CHAT, chat(), x_fastchat_counts="1")
    prompt, completion, _ = map(int, answer.headers["x-fastchat-counts"].split())
    usage = answer.json()["usage"]
    assert (prompt, completion) == (usage["prompt_tokens"], usage["completion_tokens"])


def test_a_json_schema_holds(served: Served) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}
    answer = served.worker.post(CHAT, chat("A city?", response_format=wanted, max_tokens=60))
    found = json.loads(answer.json()["choices"][0]["message"]["content"])
    assert found["city"] in ("Paris", "Rome")


def test_tools_pass_through(served: Served) -> None:
    named = {"type": "function", "function": {"name": "weather"}}
    choice: object = named if served.forces_tools else "auto"
    body = chat("The weather in Rome?", tools=[TOOL], tool_choice=choice, max_tokens=60)
    answer = served.worker.post(CHAT, body)
    assert answer.status_code == 200, answer.text
    if served.forces_tools:
        (call,) = answer.json()["choices"][0]["message"]["tool_calls"]
        assert call["function"]["name"] == "weather"
        assert any(city in call["function"]["arguments"] for city in ("Paris", "Rome")), answer.text


def test_log_probabilities_pass_through(served: Served) -> None:
    answer = served.worker.post(CHAT, chat(logprobs=True, top_logprobs=2, max_tokens=3))
    tokens = answer.json()["choices"][0]["logprobs"]["content"]
    assert len(tokens) == 3
    assert all(token["logprob"] <= 0 and len(token["top_logprobs"]) == 2 for token in tokens)


def test_a_long_prompt_is_not_computed_twice(served: Served) -> None:
    for _ in range(2):
        answer = served.worker.post(CHAT, chat(LONG, max_tokens=1), x_fastchat_counts="1")
    _, _, cached = map(int, answer.headers["x-fastchat-counts"].split())
    assert cached >= 128


def test_a_prompt_that_is_too_long_is_said_to_be(served: Served) -> None:
    answer = served.worker.post(CHAT, chat("word " * 20000))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 40303, answer.text


def test_what_the_engine_does_not_have_is_refused_by_name(served: Served) -> None:
    answer = served.worker.post("/v1/embeddings", {"model": "m", "input": "a"})
    assert answer.status_code in (400, 501)
    assert "error_code" in answer.json()


def test_the_old_wire(served: Served) -> None:
    body = {"prompt": "The capital of France is", "max_new_tokens": 4, "temperature": 0}
    answer = served.worker.post("/worker_generate_stream", body | {"echo": False})
    messages = [json.loads(part) for part in answer.content.split(b"\0") if part]
    assert "Paris" in messages[-1]["text"]
    assert messages[-1]["usage"]["completion_tokens"] == 4
    assert messages[-1]["error_code"] == 0


def test_the_rest_of_another_workers_answer(served: Served) -> None:
    begun = "The capital of France is"
    body = chat("What is the capital of France?", stream=True, max_tokens=12)
    with served.worker.streaming(CHAT, body | {"continued": {"text": begun, "created": 7}}) as all_:
        events = [json.loads(line[6:]) for line in all_ if line.startswith("data: {")]
    said = "".join(event["choices"][0]["delta"].get("content") or "" for event in events)
    assert "Paris" in said
    assert {event["created"] for event in events} == {7}


def test_who_leaves_ends_the_answer_in_the_engine(served: Served) -> None:
    with served.worker.streaming(CHAT, chat(stream=True, max_tokens=1500, ignore_eos=True)) as all_:
        next(all_)
        wait_until(lambda: served.worker.get("/load").json()["running"] == 1)
    wait_until(lambda: served.worker.get("/load").json()["running"] == 0)


def test_its_load_is_told(served: Served) -> None:
    served.worker.post(CHAT, chat(max_tokens=1))
    told = served.worker.get("/load").json()
    assert told["slots"] in (4, 8)
    assert told["completion_tokens"] > 0
    assert "worker_engine_running" in served.worker.get("/metrics").text


def test_an_engine_that_is_killed_under_load_is_missed_once_by_each(served: Served) -> None:
    """The last, as `conftest.py` says: it has to load again."""
    worker, ends = served.worker, list[str]()

    def ask() -> None:
        """The end is an event, or the answer itself where nothing had been said yet."""
        body = chat(stream=True, max_tokens=1500, ignore_eos=True)
        with worker.streaming(CHAT, body) as lines:
            ends.append([line for line in lines if line and not line.startswith(":")][-1])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: worker.get("/load").json()["running"] == 4)
    os.kill(worker.child, signal.SIGKILL)
    for thread in threads:
        thread.join(60)
    assert [json.loads(end.removeprefix("data: "))["error"]["code"] for end in ends] == [50001] * 4
    assert "SIGKILL" in ends[0]
    assert worker.post(CHAT, chat()).status_code == 503 or is_ready(worker)
    if served.returns_soon:
        wait_until(lambda: is_ready(worker))
        assert worker.post(CHAT, chat()).status_code == 200
