"""Models of workers and of providers behind one page."""

import json
from pathlib import Path
from typing import Any

from fastchat.core.generation import Chat, GenerationRequest, Message
from fastchat.protocol.cluster import WorkerEntry
from fastchat.providers.opening import RemoteModel, remote_models
from fastchat.webui.models import PageEngine, Seeing
from tests.scripted import ScriptedEngine


def request(model: str) -> GenerationRequest:
    return GenerationRequest(
        id="r", model=model, prompt=Chat((Message(role="user", content="hi"),)), max_tokens=5
    )


def remote(tmp_path: Path) -> dict[str, RemoteModel]:
    entry = {"model_name": "x", "api_type": "openai", "api_base": "http://127.0.0.1:1/v1"}
    path = tmp_path / "api_endpoints.json"
    path.write_text(
        json.dumps({
            "open": entry | {"api_key": "k", "anony_only": False},
            "secret": entry | {"api_key": "k", "anony_only": True},
        })
    )  # fmt: skip
    path.chmod(0o600)
    return {one.endpoint.name: one for one in remote_models(path)}


async def test_each_model_is_asked_where_it_is(tmp_path: Path) -> None:
    workers, provider = ScriptedEngine(), ScriptedEngine(words=["far"])
    opened: list[str] = []

    def open(model: RemoteModel) -> ScriptedEngine:
        opened.append(model.endpoint.name)
        return provider

    engine = PageEngine(workers, lambda _: [], remote(tmp_path), open)
    said = ""
    for model in ("m", "open", "open"):
        async for chunk in engine.generate(request(model)):
            said += chunk.text
    assert said == "one two threefarfar"
    assert opened == ["open"]


def test_some_are_shown_in_battles_only(tmp_path: Path) -> None:
    engine = PageEngine(
        ScriptedEngine(), lambda _: [], remote(tmp_path), lambda model: ScriptedEngine()
    )
    assert list(engine.model_names) == ["m", "open"]
    assert list(engine.in_battles()) == ["m", "open", "secret"]


def test_a_model_sees_when_all_of_its_workers_do(tmp_path: Path) -> None:
    def worker(*abilities: str, **other: Any) -> WorkerEntry:
        told = abilities or None
        return WorkerEntry(address="http://w", model_names=("m",), abilities=told, **other)

    ours = ("openai",)
    for rows, sees in (
        ([worker("chat", "vision"), worker("vision")], True),
        ([worker("chat", "vision"), worker("chat")], False),
        ([worker(multimodal=True, dialects=ours)], True),
        ([worker("chat", multimodal=True, dialects=ours)], False),
        ([worker(multimodal=True)], False),  # one of 0.2.36: nobody can ask it
        ([], None),  # it is away
        ([worker("chat", model_abilities={"m": ("chat", "vision")})], True),
    ):
        engine = PageEngine(
            ScriptedEngine(), {"m": rows}.__getitem__, {}, lambda _: ScriptedEngine()
        )
        assert engine.sees("m") is sees


def test_models_of_providers_see_as_their_file_says(tmp_path: Path) -> None:
    engine = PageEngine(
        ScriptedEngine(), lambda _: [], remote(tmp_path), lambda _: ScriptedEngine()
    )
    assert engine.seeing() == Seeing(
        shown=["open"], blind=[], drawn=2
    )  # of the worker nothing is known
    assert engine.in_battles(shows=True) == ["open", "secret"]
