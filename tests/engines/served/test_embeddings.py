"""A sentence encoder in vLLM, behind a worker."""

import math
import os
from pathlib import Path

import pytest

from tests.engines.served.test_real import VLLM_ENVIRONMENT
from tests.engines.served.workers import process
from tools.fetch_minilm import minilm

pytestmark = pytest.mark.engines

ENCODER = ["--runner", "pooling", "--enforce-eager", "--dtype", "float32", "--max-num-seqs", "8"]


def test_embeddings_pass_through(tmp_path: Path) -> None:
    named = ["--no-register", "--model-names", "m", "--model-path", str(minilm())]
    python = ["--engine-python", os.environ["VLLM_PYTHON"]]
    with process(tmp_path, "vllm_worker", *named, *python, *ENCODER, **VLLM_ENVIRONMENT) as worker:
        texts = ["The sea is calm.", "The ocean is quiet.", "He pays his taxes."]
        answer = worker.post("/v1/embeddings", {"model": "m", "input": texts})
        chat = worker.post(
            "/v1/chat/completions",
            {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
        )
    assert answer.status_code == 200, answer.text
    sea, ocean, taxes = (one["embedding"] for one in answer.json()["data"])
    assert (len(sea), answer.json()["model"]) == (384, "m")
    assert _cosine(sea, ocean) > 0.6 > 0.3 > _cosine(sea, taxes)
    assert answer.json()["usage"]["prompt_tokens"] > 12
    assert chat.status_code >= 400
    assert "error_code" in chat.json()


def _cosine(one: list[float], other: list[float]) -> float:
    both = sum(a * b for a, b in zip(one, other, strict=True))
    return both / (math.hypot(*one) * math.hypot(*other))
