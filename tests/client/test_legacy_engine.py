"""Requests as an API server of 0.2.36 sends them, answers as its workers give them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from fastchat.client import LegacyEngine, WorkerFault, engine_for
from fastchat.core.constraints import JsonSchema
from fastchat.core.errors import (
    ContextOverflow,
    EngineFailed,
    InvalidRequest,
    NoWorker,
    OutOfMemory,
    PlatformError,
    Unsupported,
    WorkerTimeout,
)
from fastchat.core.generation import Chat, GenerationRequest, Message, Sampling, collect
from fastchat.protocol.cluster import WorkerEntry
from tests.legacy import LegacyWorker, telling
from tests.servers import free_port, serving, until

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
ASK = GenerationRequest(id="1", model="m", prompt=Chat((Message(role="user", content="hi"),)))
STREAM = "/worker_generate_stream"


@asynccontextmanager
async def engine_of(url: str, silence_s: float = 20) -> AsyncIterator[LegacyEngine]:
    async with aiohttp.ClientSession() as session:
        entry = WorkerEntry(address=url, model_names=("m",))
        engine = engine_for(entry, session, silence_s=silence_s)
        assert isinstance(engine, LegacyEngine)
        yield engine


async def asked_of(worker: LegacyWorker, request: GenerationRequest = ASK) -> Any:
    async with serving(worker.app) as url, engine_of(url) as engine:
        await collect(engine.generate(request))
    return worker.asked(STREAM)[-1]


async def test_the_request_is_that_of_an_api_server_of_0_2_36_key_by_key() -> None:
    sampling = Sampling(temperature=0.7)
    assert await asked_of(LegacyWorker(), replace(ASK, sampling=sampling, max_tokens=16)) == {
        "model": "m",
        "prompt": f"{SYSTEM} USER: hi ASSISTANT:",
        "temperature": 0.7,
        "logprobs": None,
        "top_p": 1.0,
        "top_k": -1,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "max_new_tokens": 16,
        "echo": False,
        "stop_token_ids": None,
        "stop": [],
    }


async def test_without_a_limit_the_answer_gets_the_room_that_drops_no_token() -> None:
    worker = LegacyWorker(context_length=50)
    words = len(f"{SYSTEM} USER: hi ASSISTANT:".split())
    assert (await asked_of(worker))["max_new_tokens"] == 50 - words - 1


async def test_stops_of_request_and_template_are_joined() -> None:
    worker = LegacyWorker(template="TinyLlama")
    asked = await asked_of(worker, replace(ASK, stop=("x", "</s>"), stop_token_ids=(5,)))
    assert (asked["stop"], asked["stop_token_ids"]) == (["x", "</s>"], [5, 2])


async def test_only_a_repetition_penalty_that_matters_is_sent() -> None:
    sampling = Sampling(repetition_penalty=1.2)
    assert (await asked_of(LegacyWorker(), replace(ASK, sampling=sampling)))[
        "repetition_penalty"
    ] == 1.2


async def test_a_worker_that_comes_back_with_another_template_gets_its_prompts() -> None:
    worker = LegacyWorker()
    async with serving(worker.app) as url, engine_of(url) as engine:
        await collect(engine.generate(ASK))
        worker.template = "OpenHermes-2.5-Mistral-7B"
        await collect(engine.generate(ASK))
    assert "<|im_start|>user\nhi<|im_end|>" in worker.asked(STREAM)[-1]["prompt"]


async def test_an_answer_comes_in_new_pieces_with_one_end() -> None:
    async with serving(LegacyWorker().app) as url, engine_of(url) as engine:
        chunks = [chunk async for chunk in engine.generate(ASK)]
    assert [(c.text, c.finish_reason) for c in chunks] == [
        ("one", None),
        (" two", None),
        ("", "stop"),
    ]


@pytest.mark.parametrize(
    ("worker", "error"),
    [
        (LegacyWorker(messages=[]), EngineFailed),
        (LegacyWorker(status=500), EngineFailed),
        (LegacyWorker(messages=[{"text": "oom", "error_code": 50002}]), OutOfMemory),
        (LegacyWorker(messages=telling("x", reason=None), breaks=True), EngineFailed),
        (LegacyWorker(messages=[{"text": 3}]), EngineFailed),
        (LegacyWorker(messages=telling("x", reason=None), tail=b'{"text": "x y"}'), EngineFailed),
        (LegacyWorker(messages=telling("x", reason=None) * 3000), EngineFailed),
        (LegacyWorker(context_length=20), ContextOverflow),
        (LegacyWorker(template="chatgpt"), InvalidRequest),
    ],
)
async def test_what_goes_wrong_is_one_error(
    worker: LegacyWorker, error: type[PlatformError]
) -> None:
    async with serving(worker.app) as url, engine_of(url) as engine:
        with pytest.raises(error):
            await collect(engine.generate(ASK))


async def test_a_worker_that_is_gone_or_silent_is_the_cause() -> None:
    async with engine_of(f"http://127.0.0.1:{free_port()}") as engine:
        with pytest.raises(NoWorker) as gone:
            await collect(engine.generate(ASK))
    assert isinstance(gone.value.__cause__, WorkerFault)
    worker = LegacyWorker(held=asyncio.Event())
    async with serving(worker.app) as url, engine_of(url, silence_s=0.2) as engine:
        with pytest.raises(WorkerTimeout):
            await collect(engine.generate(ASK))


async def test_what_the_wire_cannot_say_is_refused_by_name() -> None:
    worker = LegacyWorker()
    with pytest.raises(Unsupported, match="json_schema"):
        await asked_of(worker, replace(ASK, constraint=JsonSchema({})))
    with pytest.raises(Unsupported, match="token_prompt"):
        await asked_of(worker, replace(ASK, prompt=(1, 2)))
    assert worker.calls == []


async def test_a_reader_that_leaves_stops_the_worker() -> None:
    worker = LegacyWorker(messages=telling(*"abcdefgh"))
    async with serving(worker.app) as url, engine_of(url) as engine:
        chunks = engine.generate(ASK)
        await anext(chunks)
        worker.held = asyncio.Event()
        await chunks.aclose()
        await until(lambda: worker.generating == 0)


async def test_a_controller_of_0_2_36_in_place_of_its_workers_passes_on_generations() -> None:
    missing = ("/worker_get_conv_template", "/model_details", "/count_token")
    worker = LegacyWorker(missing=missing)
    async with serving(worker.app) as url, engine_of(url) as engine:
        await collect(engine.generate(replace(ASK, model="vicuna-7b")))
    asked = worker.asked(STREAM)[0]
    assert (asked["prompt"], asked["max_new_tokens"]) == (f"{SYSTEM} USER: hi ASSISTANT:", 1024)


async def test_texts_are_embedded_four_at_a_time() -> None:
    worker = LegacyWorker()
    async with serving(worker.app) as url, engine_of(url) as engine:
        found = await engine.embed(["a"] * 5)
    assert [len(asked["input"]) for asked in worker.asked("/worker_get_embeddings")] == [4, 1]
    assert (len(found.vectors), found.prompt_tokens) == (5, 5)


async def test_a_worker_without_embeddings_is_unsupported() -> None:
    worker = LegacyWorker(missing=["/worker_get_embeddings"])
    async with serving(worker.app) as url, engine_of(url) as engine:
        with pytest.raises(Unsupported, match="embeddings"):
            await engine.embed(["a"])
