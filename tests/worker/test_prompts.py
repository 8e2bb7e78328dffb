"""The exact prompt of a request can be asked for, and be logged; its template has a name."""

import logging
from dataclasses import replace
from typing import Any

import httpx
import pytest

from fastchat.model.template import NamedTemplate, digest
from fastchat.worker.shell import Shell
from tests.apps import worker_app
from tests.scripted import ScriptedEngine

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
SAID = (
    "<|im_start|>system\nBe kind.<|im_end|>\n"
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
)


async def test_a_chat_is_shown_as_the_model_reads_it(
    worker: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    shown = (await worker.post(f"{CHAT}/render", json=HELLO | {"stream": True})).json()
    told = (await worker.post("/worker_get_status")).json()
    assert shown == {
        "model": "m",
        "prompt": SAID,
        "prompt_tokens": len(SAID.split()),
        "template": "own",
        "template_hash": told["template_hash"],
    }
    assert told["template"] == "own"
    assert engine.asked == []


async def test_a_completion_is_shown_as_it_comes(worker: httpx.AsyncClient) -> None:
    shown = (await worker.post(f"{TEXT}/render", json={"model": "m", "prompt": "a b"})).json()
    assert shown == {"model": "m", "prompt": "a b", "prompt_tokens": 2}
    shown = (await worker.post(f"{TEXT}/render", json={"model": "m", "prompt": [1, 2]})).json()
    assert shown["token_ids"] == [1, 2]


async def test_an_open_turn_is_a_part_of_the_prompt(
    worker: httpx.AsyncClient, shell: Shell
) -> None:
    shell.engine.features |= {"continuation"}  # type: ignore[misc]  # a field of the scripted one
    said = [*HELLO["messages"], {"role": "assistant", "content": "Well"}]
    ask: dict[str, Any] = {"model": "m", "messages": said, "continue_final_message": True}
    shown = (await worker.post(f"{CHAT}/render", json=ask)).json()
    assert shown["prompt"] == f"{SAID}Well"


@pytest.mark.parametrize(
    ("change", "status"), [({"model": "x"}, 404), ({"messages": []}, 400), ({"n": 0}, 400)]
)
async def test_what_would_be_refused_is_refused_here(
    worker: httpx.AsyncClient, change: dict[str, Any], status: int
) -> None:
    assert (await worker.post(f"{CHAT}/render", json=HELLO | change)).status_code == status


class TestByName:
    @pytest.fixture
    def shell(self, shell: Shell, engine: ScriptedEngine) -> Shell:
        return replace(shell, template=NamedTemplate.load("vicuna_v1.1", engine))

    async def test_a_named_template_shows_its_name_and_its_prompt(
        self, worker: httpx.AsyncClient
    ) -> None:
        shown = (await worker.post(f"{CHAT}/render", json=HELLO)).json()
        assert shown["template"] == "vicuna_v1.1"
        assert shown["prompt"].endswith(" USER: hi ASSISTANT:")
        assert shown["template_hash"] != digest(SAID)


async def test_prompts_are_in_the_log_only_where_that_was_asked_for(
    engine: ScriptedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for logs in (False, True):
        one = worker_app(engine, log_prompts=logs)
        async with (
            one.router.lifespan_context(one),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=one), base_url="http://w"
            ) as client,
        ):
            assert (await client.post(CHAT, json=HELLO)).status_code == 200
        assert (repr(SAID) in caplog.text) is logs
