from collections.abc import Callable

import httpx
import pytest

from fastchat.gateway.openapi import DescribedAPI
from fastchat.worker.admission import Admission
from fastchat.worker.app import Collaborators, create_service
from fastchat.worker.shell import Shell
from tests.scripted import ScriptedEngine
from tests.servers import free_port, serving

AddWorker = Callable[[str], None]


async def test_models_are_those_of_the_table(
    gateway: httpx.AsyncClient, add_worker: AddWorker
) -> None:
    assert (await gateway.get("/ready")).status_code == 503
    add_worker("http://127.0.0.1:1")
    assert (await gateway.get("/ready")).status_code == 200
    listed = (await gateway.get("/v1/models")).json()
    assert [card["id"] for card in listed["data"]] == ["m"]
    assert (await gateway.get("/v1/models/m")).json() == listed["data"][0]
    missing = await gateway.get("/v1/models/a/b")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, 40301)


async def test_token_check_counts_at_the_worker(
    gateway: httpx.AsyncClient, add_worker: AddWorker
) -> None:
    shell = Shell(ScriptedEngine(), Admission(1, 1, lambda: 0), 1)
    parts = Collaborators(
        shell=shell, announce=None, token=None, wall_clock=lambda: 0, new_id=lambda: "id"
    )
    async with serving(create_service(parts).app) as url:
        add_worker(url)
        checks = [
            {"model": "m", "prompt": "a b c", "max_tokens": 97},
            {"model": "m", "prompt": "a b c", "max_tokens": 98},
        ]
        answer = await gateway.post("/api/v1/token_check", json={"prompts": checks})
    assert answer.json() == {
        "prompts": [
            {"fits": True, "tokenCount": 3, "contextLength": 100},
            {"fits": False, "tokenCount": 3, "contextLength": 100},
        ]
    }


async def test_token_check_without_the_model_or_its_worker(
    gateway: httpx.AsyncClient, add_worker: AddWorker
) -> None:
    check = {"prompts": [{"model": "m", "prompt": "x"}]}
    assert (await gateway.post("/api/v1/token_check", json=check)).status_code == 404
    add_worker(f"http://127.0.0.1:{free_port()}")
    assert (await gateway.post("/api/v1/token_check", json=check)).status_code == 503


@pytest.mark.parametrize("path", ["/", "/v2/models", "/docs"])
async def test_an_unknown_path_is_told_in_the_openai_shape(
    gateway: httpx.AsyncClient, path: str
) -> None:
    answer = await gateway.get(path)
    assert answer.status_code == 404
    assert path in answer.json()["error"]["message"]


async def test_what_is_forwarded_is_described_too() -> None:
    document = DescribedAPI(title="x").openapi()
    body = document["paths"]["/v1/chat/completions"]["post"]["requestBody"]
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert "tools" in document["components"]["schemas"][name]["properties"]
