"""Adapters over HTTP: who may change them, and what is served then."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from fastchat.core.errors import Conflict
from fastchat.core.generation import Embeddings
from fastchat.worker.app import Collaborators, create_service
from fastchat.worker.shell import Shell
from tests.scripted import ScriptedEngine

LOAD, UNLOAD = "/v1/load_lora_adapter", "/v1/unload_lora_adapter"
SQL = {"lora_name": "sql", "lora_path": "/models/sql"}


@dataclass
class AdaptingEngine(ScriptedEngine):
    @property
    def adapters(self) -> Sequence[str]:
        return self.model_names[1:]

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        return Embeddings(vectors=[[1.0]] * len(texts), prompt_tokens=len(texts))

    async def add_adapter(self, name: str, source: str) -> None:
        if name in self.model_names:
            raise Conflict(f"{name} is there", param="lora_name")
        self.model_names = (*self.model_names, name)

    async def remove_adapter(self, name: str) -> None:
        self.model_names = tuple(one for one in self.model_names if one != name)


@pytest.fixture
def engine() -> AdaptingEngine:
    return AdaptingEngine()


async def test_they_come_and_go(worker: httpx.AsyncClient) -> None:
    assert (await worker.post(LOAD, json=SQL)).json() == {"models": ["m", "sql"]}
    listed = (await worker.get("/v1/models")).json()["data"]
    assert [card["id"] for card in listed] == ["m", "sql"]
    ask = {"model": "sql", "prompt": "x"}
    assert (await worker.post("/v1/completions", json=ask)).status_code == 200
    assert (await worker.post(LOAD, json=SQL)).status_code == 409
    removed = await worker.post(UNLOAD, json={"lora_name": "sql"})
    assert removed.json() == {"models": ["m"]}
    assert (await worker.post("/v1/completions", json=ask)).status_code == 404


async def test_an_adapter_has_no_vectors(worker: httpx.AsyncClient) -> None:
    await worker.post(LOAD, json=SQL)
    answer = await worker.post("/v1/embeddings", json={"model": "sql", "input": "x"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "embeddings")
    base, sql = (await worker.get("/v1/models")).json()["data"]
    assert set(base["capabilities"]) - set(sql["capabilities"]) == {"embeddings"}
    status = (await worker.post("/worker_get_status")).json()
    assert status["abilities"] == sql["capabilities"]
    assert status["model_abilities"] == {"m": base["capabilities"]}


@pytest.mark.parametrize(
    ("caller", "headers"),
    [("10.0.0.1", {}), ("127.0.0.1", {"origin": "http://a.page"}), ("a name", {})],
)
@pytest.mark.parametrize("path", [LOAD, UNLOAD])
async def test_strangers_and_pages_change_nothing(
    app: FastAPI, engine: AdaptingEngine, caller: str, headers: dict[str, str], path: str
) -> None:
    transport = httpx.ASGITransport(app=app, client=(caller, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
        answer = await client.post(path, json=SQL, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, 40103)
    assert engine.model_names == ("m",)


async def test_the_cluster_token_opens_from_anywhere(shell: Shell) -> None:
    parts = Collaborators(
        shell=shell, announce=None, token="t", wall_clock=lambda: 0, new_id=lambda: "id"
    )
    transport = httpx.ASGITransport(app=create_service(parts).app, client=("10.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
        assert (await client.post(LOAD, json=SQL)).status_code == 401
        known = {"authorization": "Bearer t"}
        assert (await client.post(LOAD, json=SQL, headers=known)).status_code == 200


class TestWithoutTheAbility:
    @pytest.fixture
    def engine(self) -> ScriptedEngine:
        return ScriptedEngine()

    async def test_it_is_refused_by_name(self, worker: httpx.AsyncClient) -> None:
        answer = await worker.post(LOAD, json=SQL)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "adapters")
