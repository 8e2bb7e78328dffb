"""Battles over the API: two nameless answers, one vote, in a real database."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from fastchat.arena.battle import Ballot
from fastchat.arena.figures import ArenaFigures
from fastchat.core.errors import EngineFailed, InvalidRequest
from fastchat.core.metrics import exposed, registry
from fastchat.dispatch import Table
from fastchat.gateway.arena import Arena
from fastchat.gateway.figures import GatewayFigures
from fastchat.gateway.keys import KeyRing
from fastchat.protocol.cluster import COUNTS, WorkerEntry
from fastchat.storage import Database, battles, votes
from tests.apps import gateway_service, worker_app
from tests.exposition import Told
from tests.scripted import ScriptedEngine
from tests.servers import serving, until

CHAT, VOTE = "/v1/chat/completions", "/v1/arena/vote"
ASK: dict[str, Any] = {"model": "arena", "messages": [{"role": "user", "content": "hello"}]}
WORDS = {"alpha": ("I", " am", " first"), "omega": ("I", " am", " last")}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'fastchat.db'}")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


Gateway = Callable[..., Any]


@pytest.fixture
def gateway(database: Database, clock: list[float]) -> Gateway:
    @asynccontextmanager
    async def opened(
        engines: Sequence[ScriptedEngine],
        keys: KeyRing | None = None,
        sees: Sequence[str] = (),
        figures: GatewayFigures | None = None,
    ) -> AsyncIterator[httpx.AsyncClient]:
        table = Table(time.monotonic, random.Random(0))
        async with AsyncExitStack() as stack:
            for engine in engines:
                url = await stack.enter_async_context(serving(worker_app(engine)))
                names = tuple(engine.model_names)
                table.put(
                    WorkerEntry(
                        address=url,
                        model_names=names,
                        dialects=("openai", COUNTS),
                        multimodal=names[0] in sees,
                    )
                )
            counted = figures or GatewayFigures(lambda _: True)
            service = gateway_service(
                table,
                figures=counted,
                report=lambda _: None,
                keys=keys,
                arena=lambda engine: Arena(
                    database=database,
                    engine=engine,
                    entries=table.entries,
                    rng=random.Random(1),
                    new_id=iter(f"battle{n}" for n in range(100)).__next__,
                    wall_clock=lambda: clock[0],
                    figures=ArenaFigures(counted.figures, kinds=("api",)),
                ),
            )
            base = await stack.enter_async_context(
                serving(service.app, endpoints=service.endpoints)
            )
            yield await stack.enter_async_context(
                httpx.AsyncClient(base_url=base, trust_env=False, timeout=30)
            )

    return opened


def _two() -> list[ScriptedEngine]:
    return [ScriptedEngine(words, model_names=(name,)) for name, words in WORDS.items()]


def _ballots(database: Database) -> Sequence[Ballot]:
    assert database.writer.flush(10)
    return database.read_now(votes.ballots)[0]


async def test_two_models_answer_and_no_name_is_said(gateway: Gateway) -> None:
    async with gateway(_two()) as client:
        answer = await client.post(CHAT, json=ASK)
    said = answer.json()
    assert [choice["index"] for choice in said["choices"]] == [0, 1]
    texts = {choice["message"]["content"] for choice in said["choices"]}
    assert texts == {"I am first", "I am last"}
    assert said["model"] == "arena"
    assert not any(name in answer.text + str(answer.headers) for name in WORDS)


async def test_a_vote_says_the_names_and_is_a_row_of_the_leaderboard(
    gateway: Gateway, database: Database, clock: list[float]
) -> None:
    async with gateway(_two()) as client:
        battle = (await client.post(CHAT, json=ASK)).json()
        clock[0] += 5
        vote = {"battle": battle["id"], "winner": "left", "reasons": ["clear"], "user": "ada"}
        answer = (await client.post(VOTE, json=vote)).json()
    left = "alpha" if battle["choices"][0]["message"]["content"] == "I am first" else "omega"
    assert (answer["left"], answer["void"]) == (left, None)
    [ballot] = _ballots(database)
    assert (ballot.kind, ballot.left, ballot.winner) == ("api", left, "left")
    assert (ballot.dwell_s, ballot.reasons, ballot.address) == (5.0, ("clear",), "127.0.0.1")
    assert "ada" not in ballot.voter


async def test_a_battle_has_one_vote_whoever_comes_at_once(
    gateway: Gateway, database: Database
) -> None:
    async with gateway(_two()) as client:
        battle = (await client.post(CHAT, json=ASK)).json()["id"]
        votes = [
            client.post(VOTE, json={"battle": battle, "winner": winner})
            for winner in ("left", "right", "tie", "both_bad")
        ]
        statuses = [answer.status_code for answer in await asyncio.gather(*votes)]
    assert sorted(statuses) == [200, 409, 409, 409]
    assert len(_ballots(database)) == 1


def _told(figures: GatewayFigures) -> Told:
    return Told(exposed(registry(figures.figures)).decode())


async def test_battles_and_votes_are_counted_once_each(gateway: Gateway) -> None:
    figures = GatewayFigures(lambda _: True)
    async with gateway(_two(), figures=figures) as client:
        for winner in ("left", "tie"):
            battle = (await client.post(CHAT, json=ASK)).json()["id"]
            for _ in range(2):  # the second one is refused
                await client.post(VOTE, json={"battle": battle, "winner": winner})
    told = _told(figures)
    assert told.value("arena_battles_total", kind="api", outcome="whole") == 2
    assert told.value("arena_battles_total", kind="api", outcome="failed") == 0
    assert told.value("arena_votes_total", kind="api", winner="left") == 1
    assert told.value("arena_votes_total", kind="api", winner="right") == 0


@pytest.mark.parametrize("broken", [["alpha"], ["alpha", "omega"], []])
async def test_a_battle_without_two_answers_is_counted_as_failed(
    gateway: Gateway, broken: Sequence[str]
) -> None:
    """A side fails, both do, or one says nothing."""
    engines = _two()
    for engine in engines:
        if engine.model_names[0] in broken:
            engine.failure = EngineFailed("broken")
        elif not broken:
            engine.words = (" ",)
    figures = GatewayFigures(lambda _: True)
    async with gateway(engines, figures=figures) as client:
        await client.post(CHAT, json=ASK)
    told = _told(figures)
    assert told.value("arena_battles_total", kind="api", outcome="failed") == 1
    assert told.value("arena_battles_total", kind="api", outcome="whole") == 0


async def test_a_vote_that_does_not_count_is_said_to_be_void(gateway: Gateway) -> None:
    async with gateway(_two()) as client:
        battle = (await client.post(CHAT, json=ASK)).json()["id"]
        answer = await client.post(VOTE, json={"battle": battle, "winner": "tie"})
    assert answer.json()["void"] == "too_fast"


async def test_a_name_in_an_answer_voids_the_vote(gateway: Gateway, clock: list[float]) -> None:
    engines = [ScriptedEngine(("I am alpha",), model_names=("alpha",)), _two()[1]]
    async with gateway(engines) as client:
        battle = (await client.post(CHAT, json=ASK)).json()["id"]
        clock[0] += 60
        answer = await client.post(VOTE, json={"battle": battle, "winner": "tie"})
    assert answer.json()["void"] == "leak"


async def test_a_stream_has_both_choices_and_can_be_voted_on(gateway: Gateway) -> None:
    async with gateway(_two()) as client:
        answer = await client.post(CHAT, json=ASK | {"stream": True})
        assert '"index":0' in answer.text
        assert '"index":1' in answer.text
        assert answer.text.endswith("data: [DONE]\n\n")
        assert not any(name in answer.text for name in WORDS)
        vote = await client.post(VOTE, json={"battle": "chatcmpl-battle0", "winner": "right"})
    assert vote.status_code == 200


async def test_a_side_that_fails_ends_the_battle_without_its_name(
    gateway: Gateway, database: Database
) -> None:
    fault = InvalidRequest("alpha takes no such question")
    engines = [ScriptedEngine(model_names=("alpha",), failure=fault), _two()[1]]
    async with gateway(engines) as client:
        answer = await client.post(CHAT, json=ASK)
        vote = await client.post(VOTE, json={"battle": "chatcmpl-battle0", "winner": "left"})
    assert answer.status_code == 400
    assert "alpha" not in answer.text
    assert vote.status_code == 404
    assert not _ballots(database)


async def test_a_side_that_breaks_in_a_stream_is_one_error_event(gateway: Gateway) -> None:
    broken = ScriptedEngine(model_names=("alpha",), failure=EngineFailed("alpha broke"), fails_at=1)
    async with gateway([broken, _two()[1]]) as client:
        answer = await client.post(CHAT, json=ASK | {"stream": True})
        again = await client.post(CHAT, json=ASK | {"stream": True})
    for one in (answer, again):  # the arena itself is no worker that was lost
        assert one.text.count('"error":{') == 1
        assert "alpha" not in one.text


async def test_one_model_alone_fights_nobody(gateway: Gateway) -> None:
    async with gateway(_two()[:1]) as client:
        answer = await client.post(CHAT, json=ASK)
    assert answer.status_code == 400
    assert "needs two models" in answer.text


@pytest.mark.parametrize(
    ("field", "value"),
    [("n", 3), ("tools", [{"type": "function", "function": {"name": "f"}}]), ("logprobs", True)],
)
async def test_what_cannot_be_voted_on_is_refused_by_name(
    gateway: Gateway, field: str, value: object
) -> None:
    async with gateway(_two()) as client:
        answer = await client.post(CHAT, json=ASK | {field: value})
    assert answer.status_code == 400
    assert field in answer.text


async def test_a_picture_is_shown_to_models_that_see(gateway: Gateway, database: Database) -> None:
    features = frozenset(["chat", "vision"])
    eyes = [
        ScriptedEngine((name,), model_names=(name,), features=features)  # type: ignore[arg-type]  # both are features
        for name in ("eye-one", "eye-two")
    ]
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    message = {"role": "user", "content": [{"type": "text", "text": "what?"}, picture]}
    async with gateway([*eyes, *_two()], sees=("eye-one", "eye-two")) as client:
        answer = await client.post(CHAT, json={"model": "arena", "messages": [message]})
        assert answer.status_code == 200, answer.text
    assert database.writer.flush(10)
    battle = database.read_now(lambda connection: battles.find(connection, "battle0"))
    assert battle is not None
    assert battle.has_image
    assert {battle.left.model, battle.right.model} == {"eye-one", "eye-two"}


async def test_keys_hold_for_votes_as_for_answers(gateway: Gateway) -> None:
    async with gateway(_two(), KeyRing.of(["sk-good"])) as client:
        assert (await client.post(CHAT, json=ASK)).status_code == 401
        vote = {"battle": "chatcmpl-battle0", "winner": "left"}
        assert (await client.post(VOTE, json=vote)).status_code == 401
        good = {"authorization": "Bearer sk-good"}
        assert (await client.post(CHAT, json=ASK, headers=good)).status_code == 200
        assert (await client.post(VOTE, json=vote, headers=good)).status_code == 200


async def test_a_client_that_leaves_frees_both_sides(gateway: Gateway) -> None:
    held = asyncio.Event()
    engines = [ScriptedEngine(model_names=(name,), held=held) for name in WORDS]
    async with gateway(engines) as client:
        asking = asyncio.create_task(client.post(CHAT, json=ASK))
        await until(lambda: all(engine.running for engine in engines))
        asking.cancel()
        await until(lambda: not any(engine.running for engine in engines))


async def test_without_an_arena_its_model_and_its_votes_are_unknown() -> None:
    service = gateway_service(Table(time.monotonic, random.Random(0)), report=lambda _: None)
    async with (
        serving(service.app) as base,
        httpx.AsyncClient(base_url=base, trust_env=False) as client,
    ):
        answer = await client.post(VOTE, json={"battle": "x", "winner": "left"})
    assert answer.status_code == 404
