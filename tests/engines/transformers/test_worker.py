"""What stopped a worker of 0.2.36 for ever leaves the process of this one well."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.engines.served.workers import Process, process, wait_until

SETTINGS = ("--device", "cpu", "--dtype", "float32", "--context-length", "2048", "--no-register")
NULLS = dict.fromkeys(["temperature", "top_p", "max_new_tokens", "stop", "repetition_penalty"])

pytestmark = pytest.mark.transformers


@pytest.fixture(scope="module")
def worker(hf_smollm2_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder, model = tmp_path_factory.mktemp("worker"), str(hf_smollm2_path)
    named = ("--model-path", model, "--model-names", "m", "--limit-worker-concurrency", "4")
    with process(folder, "model_worker", *named, *SETTINGS, OMP_NUM_THREADS="1") as one:
        yield one


def say(worker: Process, prompt: str, **more: Any) -> list[dict[str, Any]]:
    """The old wire's pieces."""
    asked = {"model": "m", "prompt": prompt, "temperature": 0, "max_new_tokens": 4} | more
    answer = worker.post("/worker_generate_stream", asked)
    assert answer.status_code == 200, answer.text
    return [json.loads(piece) for piece in answer.content.split(b"\0") if piece]


def is_idle(worker: Process) -> bool:
    return bool(worker.post("/worker_get_status", {}).json()["queue_length"] == 0)


def test_five_requests_with_null_for_every_number_are_answered(worker: Process) -> None:
    with ThreadPoolExecutor(5) as threads:
        asked = [threads.submit(say, worker, "Once upon a time", **NULLS) for _ in range(5)]
        ends = [one.result()[-1] for one in asked]
    assert [end["error_code"] for end in ends] == [0] * 5
    wait_until(lambda: is_idle(worker))
    assert say(worker, "Once upon a time")[-1]["finish_reason"] == "length"


def test_a_prompt_is_scored_as_evaluation_harnesses_ask(worker: Process) -> None:
    """Token ids, greedy, one token: what `lm_eval`'s `local-completions` sends, and reads."""
    ids = worker.post("/tokenize", {"model": "m", "prompt": "The capital of France is Paris"})
    prompt = ids.json()["tokens"]
    body = {"model": "m", "prompt": [prompt], "temperature": 0, "max_tokens": 1, "seed": 1234}
    asked = body | {"logprobs": 1, "echo": True}
    (choice,) = worker.post("/v1/completions", asked).json()["choices"]
    told = choice["logprobs"]
    assert choice["text"].startswith("The capital of France is Paris")
    assert len(told["token_logprobs"]) == len(prompt) + 1
    assert sum(told["token_logprobs"][-2:-1]) > -1  # of Paris
    assert told["token_logprobs"][-2] == max(told["top_logprobs"][-2].values())
    (end,) = say(worker, "The capital of France is", logprobs=1, max_new_tokens=1)[-1:]
    assert end["logprobs"]["token_logprobs"][0] is None
    assert len(end["logprobs"]["tokens"]) == len(prompt)


def test_a_prompt_of_100_000_tokens_disturbs_nobody(worker: Process) -> None:
    prompt = "word " * 100_000
    plain = worker.post("/v1/completions", {"model": "m", "prompt": prompt, "max_tokens": 4})
    assert plain.status_code == 400
    assert "2048" in plain.text
    end = say(worker, prompt)[-1]
    assert end["text"]
    wait_until(lambda: is_idle(worker))
    assert say(worker, "Once upon a time")[-1]["error_code"] == 0
