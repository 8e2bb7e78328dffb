"""Workers of several models: in their process, and behind endpoints."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fastchat.core.config import read
from fastchat.core.errors import ConfigError
from fastchat.relay.edge import Service
from fastchat.relay.server import Server
from fastchat.worker.build_several import build_huggingface, build_multi_model
from fastchat.worker.several_config import HuggingfaceApiWorkerConfig, MultiModelWorkerConfig
from tests.servers import running, serving

CHAT = "/v1/chat/completions"


def multi(*words: str) -> Service:
    given = ["--engine", "echo", "--no-register", *words]
    return build_multi_model(read(MultiModelWorkerConfig, given, environ={}), "1")


def ask(model: str) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}]}


def client_of(server: Server) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.config.port}", trust_env=False)


def said(answer: httpx.Response) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


async def test_each_request_goes_to_the_engine_that_has_its_model() -> None:
    service = multi(
        "--model-path", "a", "--model-path", "b", "--model-names", "x", "--model-names", "y,z"
    )
    async with (
        running(service.app) as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.config.port}") as client,
    ):
        cards = (await client.get("/v1/models")).json()["data"]
        assert [card["id"] for card in cards] == ["x", "y", "z"]
        for model in ("x", "z"):
            answer = await client.post(CHAT, json=ask(model))
            assert answer.json()["choices"][0]["message"]["content"] == "hi"
        assert (await client.post(CHAT, json=ask("b"))).status_code == 404


async def test_each_model_has_the_template_of_its_family() -> None:
    """The echo engine repeats the prompt that it gets."""
    paths = ("--model-path", "vicuna-7b-v1.5", "--model-path", "parrot")
    asked = ask("vicuna-7b-v1.5") | {"max_tokens": 99}
    async with running(multi(*paths).app) as server, client_of(server) as client:
        by_family = await client.post(CHAT, json=asked)
        by_itself = await client.post(CHAT, json=ask("parrot"))
    app = multi(*paths, "--conv-template", "one_shot").app
    async with running(app) as server, client_of(server) as client:
        by_flag = await client.post(CHAT, json=asked)
    assert said(by_family).endswith("USER: hi ASSISTANT:")
    assert said(by_itself) == "hi"
    assert said(by_flag).startswith("A chat between a curious human")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "--model-path is wanted"),
        (("--model-path", "a", "--model-path", "b", "--model-names", "x"), "once for each"),
        (("--model-path", "a", "--model-path", "a"), "the same name"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(words: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        multi(*words)


def endpoint(seen: list[object]) -> Starlette:
    async def chat(request: Request) -> Response:
        asked = await request.json()
        seen.append((asked["model"], request.headers.get("authorization")))
        return JSONResponse({"choices": [], "usage": {"prompt_tokens": 1}})

    async def models(request: Request) -> Response:
        return JSONResponse({"data": []})

    return Starlette(routes=[Route(CHAT, chat, methods=["POST"]), Route("/v1/models", models)])


async def test_models_of_endpoints_are_relayed_under_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TEST_TOKEN", "t")
    seen: list[object] = []
    async with serving(endpoint(seen)) as url:
        entry = {"api_base": f"{url}/v1", "token": "${HF_TEST_TOKEN}", "context_length": 99}
        models = {
            "a": entry | {"model_path": "org/a"},
            "b": entry | {"model_path": "org/b", "model_names": ["b", "c"], "token": ""},
        }
        file = tmp_path / "models.json"
        file.write_text(json.dumps(models))
        config = HuggingfaceApiWorkerConfig(model_info_file=file, no_register=True)
        service = build_huggingface(config, "1")
        async with (
            running(service.app, endpoints=service.endpoints) as server,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.config.port}") as client,
        ):
            for model in ("a", "c"):
                for _ in range(1000):
                    answer = await client.post(CHAT, json=ask(model))
                    if answer.status_code == 200:
                        break
                    await asyncio.sleep(0.02)
                assert answer.status_code == 200
    assert seen == [("org/a", "Bearer t"), ("org/b", None)]


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"a": {"model_path": "x"}}', "nonsense"], ids=["list", "none", "few", "x"]
)
def test_a_file_that_lists_no_models_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "models.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match="--model-info-file"):
        build_huggingface(HuggingfaceApiWorkerConfig(model_info_file=file), "1")
