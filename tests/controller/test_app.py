import json
from typing import Any

import httpx
import pytest

from fastchat.controller.app import create_service
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.relay import Limits, Relay

WORKER = {
    "worker_name": "http://127.0.0.1:31000",
    "check_heart_beat": True,
    "worker_status": {"model_names": ["m"], "speed": 1, "queue_length": 0},
}


async def post(controller: httpx.AsyncClient, path: str, body: Any = None) -> Any:
    answer = await controller.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_calls_of_a_worker_of_0_2_36(controller: httpx.AsyncClient) -> None:
    assert await post(controller, "/register_worker", WORKER) is None
    beat = {"worker_name": WORKER["worker_name"], "queue_length": 2}
    assert await post(controller, "/receive_heart_beat", beat) == {"exist": True}
    stranger = {"worker_name": "http://127.0.0.1:1", "queue_length": 2}
    assert await post(controller, "/receive_heart_beat", stranger) == {"exist": False}


async def test_a_worker_of_ours_is_told_that_we_understand_each_other(
    controller: httpx.AsyncClient,
) -> None:
    ours = WORKER | {"epoch": 7, "dialects": ["openai"]}
    assert await post(controller, "/register_worker", ours) == {"epoch": 7}
    stale = await controller.post("/register_worker", json=ours | {"epoch": 6})
    assert stale.status_code == 409


@pytest.mark.parametrize("path", ["/receive_heart_beat", "/unregister_worker"])
async def test_a_stranger_cannot_speak_for_a_worker(pool: WorkerPool, path: str) -> None:
    app = create_service(pool, Relay(Limits()), Trust(None)).app
    transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 5))
    body = {"worker_name": WORKER["worker_name"], "queue_length": 9, "epoch": 7}
    async with httpx.AsyncClient(transport=transport, base_url="http://c") as stranger:
        pretending = {"x-forwarded-for": "127.0.0.1"}
        answer = await stranger.post(path, json=body, headers=pretending)
    assert answer.status_code == 403


async def test_nobody_elsewhere_lives_for_ever_without_the_token(pool: WorkerPool) -> None:
    app = create_service(pool, Relay(Limits()), Trust(None)).app
    transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 5))
    body = WORKER | {"worker_name": "http://192.0.2.7:1", "check_heart_beat": False}
    async with httpx.AsyncClient(transport=transport, base_url="http://c") as stranger:
        answer = await stranger.post("/register_worker", json=body)
    assert answer.status_code == 403


async def test_the_lookups_of_0_2_36(controller: httpx.AsyncClient) -> None:
    assert (await controller.get("/test_connection")).json() == "success"
    await post(controller, "/register_worker", WORKER)
    seeing = WORKER | {"worker_name": "http://127.0.0.1:2", "multimodal": True}
    await post(controller, "/register_worker", seeing | {"worker_status": {"model_names": ["v"]}})
    assert await post(controller, "/refresh_all_workers") is None
    assert await post(controller, "/list_models") == {"models": ["m", "v"]}
    assert await post(controller, "/list_language_models") == {"models": ["m"]}
    assert await post(controller, "/list_multimodal_models") == {"models": ["v"]}
    address = await post(controller, "/get_worker_address", {"model": "m"})
    assert address == {"address": WORKER["worker_name"]}
    assert await post(controller, "/get_worker_address", {"model": "x"}) == {"address": ""}
    assert await post(controller, "/worker_get_status") == {
        "model_names": ["m", "v"],
        "speed": 2.0,
        "queue_length": 0.0,
    }


async def test_the_table_can_be_read(controller: httpx.AsyncClient) -> None:
    await post(controller, "/register_worker", WORKER)
    workers = (await controller.get("/workers")).json()["workers"]
    assert workers[0]["address"] == WORKER["worker_name"]


async def test_reported_dispatches_are_logged(
    controller: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "controller")
    names = ["http://a", "http://b"]
    one = {"model": "m", "names": names, "queue_lens": [0.5, 1], "ret": "http://a"}
    await post(controller, "/report_dispatches", {"dispatches": [one]})
    line = f"get_worker_address names: {names}, queue_lens: [0.5, 1.0], ret: http://a"
    assert line in caplog.text


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"worker_status": {"model_names": []}}, "worker_status.model_names"),
        ({"worker_status": {"model_names": ["m"], "speed": 0}}, "worker_status.speed"),
        ({"worker_status": {"model_names": ["m"], "speed": "fast"}}, "worker_status.speed"),
        ({"worker_status": None, "worker_name": "http://127.0.0.1:9"}, "worker_status"),
        ({"worker_name": 3}, "worker_name"),
        ({"worker_name": "http://127.0.0.1:1/a b"}, "worker_name"),
        ({"worker_name": "http://127.0.0.1:1\nRegister done: x"}, "worker_name"),
        ({"worker_name": "http://a..b"}, "worker_name"),
        ({"worker_name": "http://" + "a" * 64 + ".com"}, "worker_name"),
        ({"worker_status": {"model_names": ["m\nx"]}}, "worker_status.model_names[0]"),
        ({"worker_status": {"model_names": ["m"], "speed": 5e-324}}, "worker_status.speed"),
        ({"epoch": 2**62}, "epoch"),
        ({"worker_name": "ftp://127.0.0.1"}, "worker_name"),
        ({"worker_name": "http://user:secret@127.0.0.1"}, "worker_name"),
        ({"worker_name": "http://127.0.0.1:1/?a=b"}, "worker_name"),
        ({"worker_name": "http://127.0.0.1:1/#a"}, "worker_name"),
        ({"worker_name": "http://"}, "worker_name"),
        ({"worker_name": "http://127.0.0.1:99999"}, "worker_name"),
    ],
)
async def test_a_registration_that_makes_no_sense_is_refused(
    controller: httpx.AsyncClient, pool: WorkerPool, change: dict[str, Any], param: str
) -> None:
    answer = await controller.post("/register_worker", json=WORKER | change)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert pool.table.entries() == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'{"a": NaN}', b"[" * 100_000, b'{"x": 1e999}']
)
@pytest.mark.parametrize(
    "path",
    [
        "/register_worker",
        "/receive_heart_beat",
        "/get_worker_address",
        "/report_dispatches",
        "/worker_generate_stream",
    ],
)
async def test_nonsense_is_refused_in_the_openai_shape(
    controller: httpx.AsyncClient, path: str, body: bytes
) -> None:
    answer = await controller.post(path, content=body)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


async def test_an_unknown_path_is_told_in_the_same_shape(controller: httpx.AsyncClient) -> None:
    answer = await controller.get("/nothing")
    assert answer.status_code == 404
    assert "error" in answer.json()


async def test_the_relay_of_a_model_that_nobody_serves_says_so_once(
    controller: httpx.AsyncClient,
) -> None:
    answer = await controller.post("/worker_generate_stream", json={"model": "x"})
    messages = [json.loads(m) for m in answer.content.split(b"\0") if m]
    assert [m["error_code"] for m in messages] == [50005]


async def test_the_relay_of_a_dead_worker_says_timeout_once(controller: httpx.AsyncClient) -> None:
    dead = WORKER | {"worker_name": "http://127.0.0.1:9"}
    await post(controller, "/register_worker", dead)
    answer = await controller.post("/worker_generate_stream", json={"model": "m"})
    messages = [json.loads(m) for m in answer.content.split(b"\0") if m]
    assert [m["error_code"] for m in messages] == [50006]
    assert "CONTROLLER_WORKER_TIMEOUT" in messages[0]["text"]
