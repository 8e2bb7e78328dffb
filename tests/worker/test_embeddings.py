"""Embeddings on both wires, by an engine that has them."""

import asyncio
import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import pytest

from fastchat.core.generation import Embeddings
from fastchat.worker.shell import Shell
from tests.scripted import ScriptedEngine
from tests.servers import until

OPENAI, OLD = "/v1/embeddings", "/worker_get_embeddings"


@dataclass
class EmbeddingEngine(ScriptedEngine):
    """A text's vector is its length, zero and four."""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        self.running += 1
        try:
            if self.held is not None:
                await self.held.wait()
        finally:
            self.running -= 1
        vectors = [[float(len(text)), 0.0, 4.0] for text in texts]
        return Embeddings(vectors=vectors, prompt_tokens=len(texts))


@pytest.fixture
def engine() -> EmbeddingEngine:
    return EmbeddingEngine()


async def test_texts_become_vectors(worker: httpx.AsyncClient) -> None:
    answer = await worker.post(OPENAI, json={"model": "m", "input": ["a", "bb"]})
    assert answer.json() == {
        "object": "list",
        "data": [
            {"object": "embedding", "embedding": [1.0, 0.0, 4.0], "index": 0},
            {"object": "embedding", "embedding": [2.0, 0.0, 4.0], "index": 1},
        ],
        "model": "m",
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    }


async def test_vectors_may_be_packed(worker: httpx.AsyncClient) -> None:
    ask = {"model": "m", "input": "abc", "encoding_format": "base64"}
    packed = (await worker.post(OPENAI, json=ask)).json()["data"][0]["embedding"]
    assert struct.unpack("<3f", base64.b64decode(packed)) == (3.0, 0.0, 4.0)
    old = (await worker.post(OLD, json=ask | {"input": ["abc"]})).json()
    assert old == {"embedding": [packed], "token_num": 1}


async def test_a_shorter_vector_has_length_one_again(worker: httpx.AsyncClient) -> None:
    ask = {"model": "m", "input": ["abc"], "dimensions": 2}
    answer = (await worker.post(OPENAI, json=ask)).json()
    assert answer["data"][0]["embedding"] == [1.0, 0.0]
    ask["dimensions"] = 3
    answer = (await worker.post(OPENAI, json=ask)).json()
    assert answer["data"][0]["embedding"] == [3.0, 0.0, 4.0]


async def test_the_old_wire_has_numbers_by_default(worker: httpx.AsyncClient) -> None:
    ask = {"model": "m", "input": ["abc"], "encoding_format": None}
    answer = (await worker.post(OLD, json=ask)).json()
    assert answer == {"embedding": [[3.0, 0.0, 4.0]], "token_num": 1}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": [1, 2]}, "input"),
        ({"input": [[1], [2]]}, "input"),
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": 3}, "input"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": 4}, "dimensions"),
    ],
)
async def test_a_bad_field_is_named(
    worker: httpx.AsyncClient, change: dict[str, object], param: str
) -> None:
    answer = await worker.post(OPENAI, json={"model": "m", "input": "x"} | change)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_another_model_is_refused(worker: httpx.AsyncClient) -> None:
    ask = {"model": "x", "input": ["a"]}
    assert (await worker.post(OPENAI, json=ask)).status_code == 404
    assert (await worker.post(OLD, json=ask)).json()["error_code"] == 40301


@pytest.mark.parametrize("path", [OPENAI, OLD])
async def test_embeddings_hold_a_slot_until_their_client_leaves(
    served_worker: httpx.AsyncClient, engine: EmbeddingEngine, shell: Shell, path: str
) -> None:
    engine.held = asyncio.Event()
    ask = {"model": "m", "input": ["a"]}
    task = asyncio.create_task(served_worker.post(path, json=ask))
    await until(lambda: engine.running)
    assert shell.admission.running == 1
    task.cancel()
    await until(lambda: shell.admission.queue_length == 0)
