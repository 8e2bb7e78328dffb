"""A worker's requests are ended by their ids, and their slots come back."""

import asyncio
import json
from functools import partial
from typing import Any

import httpx
import pytest

from fastchat.worker.shell import Shell
from fastchat.worker.under_way import UnderWay
from tests.scripted import ScriptedEngine
from tests.servers import until
from tests.worker.test_relayed import chat, worker_of

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
NAMED = {"x-request-id": "mine"}


async def abort(worker: httpx.AsyncClient, rid: str = "mine") -> httpx.Response:
    return await worker.post("/abort_request", json={"rid": rid})


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/worker_generate"])
async def test_a_plain_answer_is_an_error_once_it_is_aborted(
    served_worker: httpx.AsyncClient, engine: ScriptedEngine, shell: Shell, path: str
) -> None:
    engine.held = asyncio.Event()
    asked = asyncio.create_task(
        served_worker.post(path, json=CHAT | {"prompt": "hi"}, headers=NAMED)
    )
    await until(lambda: engine.running == 1)
    assert (await abort(served_worker)).json() == {"rid": "mine", "aborted": 1}
    answer = await asked
    assert (answer.status_code, answer.json()["error"]["type"]) == (499, "request_aborted")
    assert (engine.running, shell.admission.running) == (0, 0)


async def test_a_stream_that_is_aborted_ends_in_one_error_event(
    served_worker: httpx.AsyncClient, engine: ScriptedEngine, shell: Shell
) -> None:
    engine.held, engine.held_from = asyncio.Event(), 1
    asked = served_worker.stream(
        "POST", "/v1/chat/completions", json=CHAT | {"stream": True}, headers=NAMED
    )
    async with asked as answer:
        lines = answer.aiter_lines()
        first = json.loads((await anext(lines)).removeprefix("data: "))
        assert (await abort(served_worker, first["id"])).status_code == 200
        *_, last = [line async for line in lines if line]
    assert json.loads(last.removeprefix("data: "))["error"]["type"] == "request_aborted"
    await until(lambda: shell.admission.running == 0)


async def test_one_that_waits_for_a_slot_leaves_the_queue(
    served_worker: httpx.AsyncClient, engine: ScriptedEngine, shell: Shell
) -> None:
    engine.held = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for id in ("a", "b", "mine"):
            headers = {"x-request-id": id}
            group.create_task(
                served_worker.post("/v1/chat/completions", json=CHAT, headers=headers)
            )
            await until(partial(shell.under_way._ends.__contains__, id))
        await until(lambda: shell.admission.queue_length == 3)
        await abort(served_worker)
        await until(lambda: shell.admission.queue_length == 2)
        engine.held.set()
    assert shell.under_way == UnderWay()


async def test_an_id_that_is_not_running_is_said(served_worker: httpx.AsyncClient) -> None:
    answer = await abort(served_worker, "other")
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "rid")


async def test_a_page_in_a_browser_cannot_abort(served_worker: httpx.AsyncClient) -> None:
    headers = {"origin": "http://elsewhere"}
    answer = await served_worker.post("/abort_request", json={"rid": "a"}, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("asgi", [False, True])
async def test_a_request_that_an_engine_of_its_own_answers_is_aborted(asgi: bool) -> None:
    async with worker_of("--pace-s", "0.005", asgi=asgi) as worker:
        body = chat(stream=True) | {"max_tokens": 100_000}
        asked = worker.client.stream("POST", "/v1/chat/completions", json=body, headers=NAMED)
        async with asked as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            assert (await abort(worker.client)).json()["aborted"] == 1
            *_, last = [line async for line in lines if line]
        assert "request_aborted" in last
        assert worker.shell.admission.running == 0
        assert worker.shell.under_way == UnderWay()
