import re

import httpx
import pytest

from fastchat.core.codes import ErrorCode
from fastchat.core.errors import OutOfMemory
from fastchat.worker.app import Collaborators, create_service
from fastchat.worker.build import build
from fastchat.worker.config import WorkerConfig
from fastchat.worker.shell import Shell
from tests.exposition import Told
from tests.scripted import ScriptedEngine
from tests.servers import running

CHAT = "/v1/chat/completions"
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PRESCRIBED = (
    "worker_requests",
    "worker_request_latency_seconds",
    "worker_queue_length",
    "worker_gpu_memory_mb",
    "worker_gpu_memory_bytes",
    "worker_errors",
)


async def told(worker: httpx.AsyncClient) -> Told:
    answer = await worker.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Told(answer.text)


async def test_the_guides_names_are_there_before_any_request() -> None:
    config = WorkerConfig(
        engine="echo", model_path="echo", no_register=True, conv_template="one_shot"
    )
    async with running(build(config, "w1").app) as server:
        at = f"http://127.0.0.1:{server.config.port}"
        async with httpx.AsyncClient(base_url=at, trust_env=False) as worker:
            figures = await told(worker)
    assert set(PRESCRIBED) <= figures.families.keys()
    codes = figures.labels("worker_errors_total", "error_code")
    assert codes == {str(code.value) for code in ErrorCode}
    assert figures.value("worker_info", worker_id="w1", model="echo", engine="echo") == 1
    assert figures.labels("worker_template_info", "template") == {"one_shot"}
    (digest,) = figures.labels("worker_template_info", "hash")
    assert re.fullmatch("[0-9a-f]{16}", digest)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_is_counted_with_its_tokens(
    worker: httpx.AsyncClient, stream: bool
) -> None:
    await worker.post(CHAT, json=ASK | {"stream": stream})
    figures = await told(worker)
    assert figures.value("worker_requests_total") == 1
    assert figures.value("worker_request_latency_seconds_count") == 1
    assert figures.value("worker_prompt_tokens_total") == 7
    assert figures.value("worker_completion_tokens_total") == 3
    assert figures.value("worker_time_to_first_token_seconds_count") == 1
    assert figures.value("worker_time_per_output_token_seconds_count") == 1


async def test_the_old_wire_is_counted_like_the_new(worker: httpx.AsyncClient) -> None:
    await worker.post("/worker_generate_stream", json={"prompt": "hi"})
    figures = await told(worker)
    assert figures.value("worker_requests_total") == 1
    assert figures.value("worker_completion_tokens_total") == 3


@pytest.mark.parametrize("fails_at", [0, 1])
@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (CHAT, ASK | {"model": "other"}, "40301"),
        (CHAT, {"messages": 7}, "40001"),
        (CHAT, ASK, "50002"),
        (CHAT, ASK | {"stream": True}, "50002"),
        ("/worker_generate", {"prompt": "hi"}, "50002"),
        ("/worker_generate_stream", {"prompt": "hi"}, "50002"),
        ("/worker_get_embeddings", {"input": ["hi"]}, "40001"),
    ],
)
async def test_an_error_is_counted_once_wherever_it_is_told(
    engine: ScriptedEngine,
    worker: httpx.AsyncClient,
    path: str,
    body: object,
    code: str,
    fails_at: int,
) -> None:
    engine.failure = OutOfMemory("no memory")
    engine.fails_at = fails_at
    await worker.post(path, json=body)
    figures = await told(worker)
    codes = figures.labels("worker_errors_total", "error_code")
    counted = {one for one in codes if figures.value("worker_errors_total", error_code=one)}
    assert counted == {code}
    assert figures.value("worker_errors_total", error_code=code) == 1


async def test_metrics_are_for_those_who_show_the_token(shell: Shell) -> None:
    parts = Collaborators(
        shell=shell, announce=None, token="t", wall_clock=lambda: 1.0, new_id=lambda: "id"
    )
    transport = httpx.ASGITransport(app=create_service(parts).app)
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as worker:
        assert (await worker.get("/metrics")).status_code == 401
        shown = await worker.get("/metrics", headers={"authorization": "Bearer t"})
    assert Told(shown.text).value("worker_errors_total", error_code="40102") == 1


async def test_a_port_for_metrics_answers_nothing_else(shell: Shell) -> None:
    port = 9090
    parts = Collaborators(
        shell=shell,
        announce=None,
        token=None,
        wall_clock=lambda: 1.0,
        new_id=lambda: "id",
        metrics_port=port,
    )
    transport = httpx.ASGITransport(app=create_service(parts).app)
    async with httpx.AsyncClient(transport=transport) as client:
        asked = [f"http://w:{port}/metrics", f"http://w:{port}/v1/models", "http://w:1/v1/models"]
        assert [(await client.get(one)).status_code for one in asked] == [200, 404, 200]
