"""Our worker under processes of 0.2.36: what its callers send and read, as it was recorded."""

import asyncio
import json
from typing import Any

import aiohttp
import httpx
import pytest

from fastchat.client import ControllerClient
from fastchat.protocol.cluster import WorkerStatus
from fastchat.worker.registration import Announcer
from tests.legacy_controller import LegacyController
from tests.scripted import ScriptedEngine
from tests.servers import serving, until

PROMPT = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
API_SERVER = {
    "model": "m",
    "prompt": PROMPT,
    "temperature": 0.7,
    "logprobs": None,
    "top_p": 1.0,
    "top_k": -1,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "max_new_tokens": 94,
    "echo": False,
    "stop_token_ids": [32000, 32001],
    "stop": ["<|im_end|>"],
}
PAGES = {
    "model": "m",
    "prompt": PROMPT,
    "temperature": 0.7,
    "repetition_penalty": 1.0,
    "top_p": 1.0,
    "max_new_tokens": 1024,
    "stop": None,
    "stop_token_ids": None,
    "echo": False,
}
TEST_MESSAGE = {
    "model": "m",
    "prompt": PROMPT,
    "temperature": 0.0,
    "max_new_tokens": 32,
    "stop": "###",
    "stop_token_ids": None,
    "echo": False,
}
TEST_THROUGHPUT = {"model": "m", "prompt": PROMPT, "max_new_tokens": 2048, "temperature": 0.0}
ADDRESS = "http://127.0.0.1:31000"


@pytest.mark.parametrize(
    "body",
    [API_SERVER, PAGES, TEST_MESSAGE, TEST_THROUGHPUT],
    ids=["api", "pages", "message", "throughput"],
)
@pytest.mark.parametrize("can_stop_by_id", [True, False])
async def test_what_old_callers_send_is_answered(
    worker: httpx.AsyncClient, engine: ScriptedEngine, body: dict[str, Any], can_stop_by_id: bool
) -> None:
    if not can_stop_by_id:
        engine.features -= {"stop_token_ids"}
    stream = await worker.post("/worker_generate_stream", json=body)
    *_, last = [json.loads(message) for message in stream.content.split(b"\0") if message]
    whole = (await worker.post("/worker_generate", json=body)).json()
    assert last == whole
    assert set(last) == {"text", "error_code", "usage", "finish_reason", "logprobs"}
    assert (last["error_code"], last["finish_reason"]) == (0, "stop")
    assert last["text"].endswith("one two three")


async def test_the_template_has_every_field_that_is_read(worker: httpx.AsyncClient) -> None:
    answer = await worker.post("/worker_get_conv_template", json={"model": "m"})
    conv = answer.json()["conv"]
    assert set(conv) == {
        "name",
        "system_template",
        "system_message",
        "roles",
        "messages",
        "offset",
        "sep_style",
        "sep",
        "sep2",
        "stop_str",
        "stop_token_ids",
    }
    assert isinstance(conv["sep_style"], int)


async def test_a_controller_of_0_2_36_hears_what_it_understands() -> None:
    controller = LegacyController()
    async with serving(controller.app) as url, aiohttp.ClientSession() as session:
        announcer = Announcer(
            controller=ControllerClient(session, url),
            address=ADDRESS,
            worker_id="abc",
            epoch=1,
            dialects=("openai",),
            interval_s=0.02,
            status=lambda: WorkerStatus(model_names=("m",), queue_length=2),
        )
        task = asyncio.create_task(announcer.run())
        await until(lambda: controller.asked("/receive_heart_beat"))
        controller.knows_worker = False
        await until(lambda: len(controller.asked("/register_worker")) == 2)
        await announcer.leave()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    told = controller.asked("/register_worker")[0]
    assert (told["worker_name"], told["check_heart_beat"]) == (ADDRESS, True)
    assert told["multimodal"] is False
    status = told["worker_status"]
    assert {"model_names": ["m"], "speed": 1, "queue_length": 2}.items() <= status.items()
    beat = controller.asked("/receive_heart_beat")[0]
    assert {"worker_name": ADDRESS, "queue_length": 2}.items() <= beat.items()
    assert controller.asked("/unregister_worker") == []
