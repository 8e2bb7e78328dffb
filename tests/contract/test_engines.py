"""Each engine that cannot be run here: its row against what its published package says, and a
worker in front of a server with exactly that engine's routes and metrics.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from fastchat.engines.served import ROWS, Row
from fastchat.worker.build_served import build
from fastchat.worker.served_config import ServedWorkerConfig
from tests.servers import running, serving, until
from tools.engine_facts import OUT, PACKAGES, Package, facts

TOLD = {path.stem: json.loads(path.read_text()) for path in sorted(OUT.glob("*.json"))}
every_engine = pytest.mark.parametrize("name", TOLD)

# The least that `openai_worker` asks of whoever speaks OpenAI's API.
LEAST = {"routes": ["/v1/models", "/v1/chat/completions", "/v1/completions"], "metrics": []}


def test_every_engine_that_is_a_package_was_read() -> None:
    assert set(TOLD) == set(PACKAGES)
    assert {name: told["package"] for name, told in TOLD.items()} == {
        name: package.requirement for name, package in PACKAGES.items()
    }


@every_engine
def test_what_a_row_says_is_in_the_package(name: str) -> None:
    row, told = ROWS[name], TOLD[name]
    known = {name for flag in told["flags"] for name in flag["names"]} | {None}
    flags = {getattr(row.flags, field.name) for field in fields(row.flags)}
    assert not row.program or flags | set(row.always) | set(row.renamed.values()) <= known
    assert row.paths | {row.health} <= set(told["routes"])
    if row.gauges is not None:
        names = {row.gauges.running, row.gauges.waiting, row.gauges.cache} - {None}
        assert names <= set(told["metrics"])
        assert row.gauges.path in told["routes"]
    if row.tokenizing is not None:
        assert row.tokenizing.path in told["routes"]
    if row.context is not None:
        assert row.context.path in told["routes"]


def test_facts_are_read_without_running_anything() -> None:
    source = """
raise SystemExit
@app.post("/v1/x")
def f(): Gauge(name="vllm:num_y"); parser.add_argument("--z-z"); "not a --flag"
"""
    package = Package("vllm==1", ("vllm/entrypoints/",), ("vllm/entrypoints/a",))
    assert facts(package, {"vllm/entrypoints/a.py": source, "vllm/other.py": "!"}) == {
        "package": "vllm==1",
        "routes": ["/v1/x"],
        "metrics": ["vllm:num_y"],
        "flags": [{"names": ["--z-z"], "takes": "1", "kind": "str"}],
    }


def scripted(row: Row, told: dict[str, Any]) -> Starlette:
    """A server with that engine's routes, and nothing behind any other."""

    async def chat(request: Request) -> Response:
        asked = await request.json()
        if not asked.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}}
            usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
            return JSONResponse({"choices": [choice | {"finish_reason": "stop"}], "usage": usage})
        return StreamingResponse(events(asked), media_type="text/event-stream")

    async def events(asked: dict[str, Any]) -> AsyncIterator[bytes]:
        text = {"delta": {"content": "hi"}} if "messages" in asked else {"text": "hi"}
        yield b"data: " + json.dumps({"choices": [text]}).encode() + b"\n\n"
        yield b'data: {"choices": [{"delta": {}, "text": "", "finish_reason": "stop"}]}\n\n'
        if (asked.get("stream_options") or {}).get("include_usage"):
            usage = b'{"prompt_tokens": 3, "completion_tokens": 1}'
            yield b'data: {"choices": [], "usage": %b}\n\n' % usage
        yield b"data: [DONE]\n\n"

    async def metrics(request: Request) -> Response:
        names = [
            f'{name}{{model="m"}} {2 if "cache" not in name else 0.5}' for name in told["metrics"]
        ]
        return PlainTextResponse("\n".join(names) + "\n")

    async def models(request: Request) -> Response:
        return JSONResponse({"data": [{"id": "theirs", "max_model_len": 777}]})

    async def about(request: Request) -> Response:
        return JSONResponse({"max_total_tokens": 777})

    async def count(request: Request) -> Response:
        assert row.tokenizing is not None
        asked = await request.json()
        return JSONResponse({row.tokenizing.tokens: asked[row.tokenizing.text].split()})

    async def well(request: Request) -> Response:
        return Response()

    handlers = {
        "/v1/chat/completions": (chat, "POST"),
        "/v1/completions": (chat, "POST"),
        "/metrics": (metrics, "GET"),
        row.health: (well, "GET"),
        "/v1/models": (models, "GET"),
        "/info": (about, "GET"),
    }
    if row.tokenizing is not None:
        handlers[row.tokenizing.path] = (count, "POST")
    return Starlette(
        routes=[
            Route(path, handler, methods=[method])
            for path, (handler, method) in handlers.items()
            if path in told["routes"]
        ]
    )


@asynccontextmanager
async def worker_before(name: str) -> AsyncIterator[httpx.AsyncClient]:
    """A worker, as its flags make one."""
    kind = type(f"{name}_config", (ServedWorkerConfig,), {"engine": name})
    async with serving(scripted(ROWS[name], TOLD.get(name, LEAST))) as url:
        config = kind(
            engine_url=url, engine_model="theirs", model_names=("m",), no_register=True, port=0
        )
        service = build(config, "1")
        async with (
            running(service.app, endpoints=service.endpoints) as server,
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{server.config.port}", trust_env=False
            ) as client,
        ):
            yield client


@pytest.mark.parametrize("name", [*TOLD, "openai"])
async def test_a_worker_in_front_of_it(name: str) -> None:
    row = ROWS[name]
    async with worker_before(name) as client:
        ready = {"now": False}

        async def look() -> None:
            ready["now"] = (await client.get("/ready")).status_code == 200

        async with _repeated(look):
            await until(lambda: ready["now"])
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        headers = {"x-fastchat-counts": "1"}
        plain = await client.post("/v1/chat/completions", json=body, headers=headers)
        assert (plain.status_code, plain.headers["x-fastchat-counts"]) == (200, "3 1 0")
        streamed = await client.post(
            "/v1/chat/completions", json=body | {"stream": True}, headers=headers
        )
        assert streamed.text.endswith("data: [DONE]\n\n: fastchat-counts 3 1 0\n\n")
        assert "usage" not in streamed.text
        load = (await client.get("/load")).json()
        if row.gauges is not None:
            assert (load["running"], load["waiting"]) == (2, 2)
            # Some call it usage, and the server above says 2 of that: a share is at most 1.
            told = (await client.post("/worker_get_status")).json().get("cache_usage")
            assert told == load["cache_usage"]
            assert (told is None) == (row.gauges.cache is None)
            assert told in (None, 0.5, 1.0)
            shown = "\nworker_engine_cache_usage_ratio " in (await client.get("/metrics")).text
            assert shown == (told is not None)
        if row.tokenizing is not None:
            counted = await client.post("/count_token", json={"model": "m", "prompt": "a b c"})
            assert counted.json()["count"] == 3
        if row.context is not None:
            details = await client.post("/model_details", json={"model": "m"})
            assert details.json()["context_length"] == 777
        old = {"model": "m", "prompt": "P", "max_new_tokens": 3, "echo": False}
        answer = (await client.post("/worker_generate", json=old)).json()
        if "/v1/completions" in row.paths:
            assert (answer["text"], answer["finish_reason"]) == ("hi", "stop")
        else:
            assert answer["error_code"] == 40001


@asynccontextmanager
async def _repeated(look: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    async def repeat() -> None:
        while True:
            await look()
            await asyncio.sleep(0.02)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
