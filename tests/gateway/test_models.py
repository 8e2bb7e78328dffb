"""`/v1/models`: what a caller may ask, and what it can do."""

from dataclasses import replace
from random import Random

import httpx
import msgspec
import pytest

from fastchat.core.api_keys import digest_of
from fastchat.dispatch import Table
from fastchat.dispatch.routes import Routes
from fastchat.gateway.callers import Caller
from fastchat.gateway.frontends.openai.models import card
from fastchat.gateway.keys import KeyRing
from fastchat.protocol.cluster import WorkerEntry

SHOWN = {"authorization": "Bearer sk-1"}


def entry(
    number: int, *names: str, abilities: tuple[str, ...] | None = None, length: int | None = None
) -> WorkerEntry:
    return WorkerEntry(
        address=f"http://w{number}",
        model_names=names,
        abilities=abilities,
        context_length=length,
    )


@pytest.fixture
def keys() -> KeyRing:
    caller = Caller("ada", models=frozenset(["a", "c"]))
    return replace(KeyRing.of(["sk-2"]), stored={digest_of(b"sk-1"): caller})


async def test_a_key_sees_the_models_that_it_may_use(
    gateway: httpx.AsyncClient, table: Table
) -> None:
    table.put(entry(1, "a", "b", abilities=("chat", "tools"), length=4096))
    listed = (await gateway.get("/v1/models", headers=SHOWN)).json()["data"]
    assert [(one["id"], one["capabilities"], one["max_model_len"]) for one in listed] == [
        ("a", ["chat", "tools"], 4096)
    ]
    hidden = await gateway.get("/v1/models/b", headers=SHOWN)
    assert (hidden.status_code, "b" in hidden.json()["message"].split("allowed")[0]) == (404, False)
    everything = await gateway.get("/v1/models", headers={"authorization": "Bearer sk-2"})
    assert [one["id"] for one in everything.json()["data"]] == ["a", "b"]
    assert (await gateway.get("/v1/models")).status_code == 401


def test_told_is_what_every_worker_can() -> None:
    table = Table(lambda: 0.0, Random(0))
    table.put(entry(1, "m", abilities=("chat", "tools"), length=4096))
    table.put(entry(2, "m", abilities=("chat", "logprobs"), length=2048))
    table.put(entry(3, "m"))  # of 0.2.36
    told = card(table, "m", 5)
    assert (told.capabilities, told.max_model_len) == (["chat"], 2048)


def test_each_model_of_a_worker_can_its_own() -> None:
    table = Table(lambda: 0.0, Random(0), routes=Routes(aliases={"x": "base"}))
    worker = entry(1, "base", "adapter", abilities=("chat",))
    table.put(msgspec.structs.replace(worker, model_abilities={"base": ("chat", "embeddings")}))
    assert card(table, "adapter", 5).capabilities == ["chat"]
    assert card(table, "base", 5).capabilities == ["chat", "embeddings"]
    assert card(table, "x", 5).capabilities == ["chat", "embeddings"]


def test_an_alias_can_what_all_its_models_can() -> None:
    table = Table(lambda: 0.0, Random(0), routes=Routes(aliases={"x": {"a": 1, "b": 1}}))
    table.put(entry(1, "a", abilities=("chat", "tools")))
    table.put(entry(2, "b", abilities=("chat",)))
    assert card(table, "x", 5).capabilities == ["chat"]
