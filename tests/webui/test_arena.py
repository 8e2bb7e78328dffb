"""Battles on the page, as a browser fights them, and the leaderboard that comes of it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from fastchat.arena.old_log import OldLog
from fastchat.core.errors import EngineFailed
from fastchat.storage import Database, battles, votes
from tests.scripted import ScriptedEngine
from tests.storage.test_battles import battle
from tests.storage.test_battles import vote as cast
from tests.webui.pages import served_page
from tests.webui.visitor import CONTROLS, Refused, Visitor

MODELS = ("alpha-model", "beta-model")
# api names: the chat's comes first, then the blind page's, then that of side by side.
BLIND, SIDE = "_1", "_2"
NOTHING = (None, None)


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.open(f"sqlite:///{tmp_path / 'votes.db'}")


@pytest.fixture
async def visitor(
    engine: ScriptedEngine, database: Database, tmp_path: Path
) -> AsyncIterator[Visitor]:
    page = served_page(engine, folder=tmp_path, models=MODELS, tabs=True, database=database)
    async with page as url, aiohttp.ClientSession() as session:
        visitor = Visitor(session, url)
        await visitor.open()
        yield visitor


async def ask(
    visitor: Visitor,
    text: str = "hi",
    kind: str = BLIND,
    pair: Any = NOTHING,
    pictures: str = "",
) -> None:
    await visitor.whole(f"ask{kind}", [visitor.id, text, pictures, False, *pair, *CONTROLS])


async def standing(visitor: Visitor, kind: str = "") -> list[Any]:
    ((found),) = await visitor.whole(f"standing{kind}", [visitor.id])
    return found


async def vote(visitor: Visitor, button: str = "cast", reasons: Any = ()) -> list[Any]:
    ((found),) = await visitor.whole(button, [visitor.id, visitor.browser, list(reasons)])
    return found


async def test_names_are_hidden_until_the_vote(visitor: Visitor, engine: ScriptedEngine) -> None:
    await ask(visitor)
    left, right, ballot, note, _ = await standing(visitor)
    assert (left, right, ballot["visible"]) == ("### Model A", "### Model B", True)
    assert "Which answer is better?" in note
    left, right, ballot, *_ = await vote(visitor)
    revealed = {left.removeprefix("### Model A: "), right.removeprefix("### Model B: ")}
    assert revealed == set(MODELS) == {request.model for request in engine.asked}
    assert ballot["visible"] is False


async def test_a_vote_is_stored_and_logged(
    visitor: Visitor, database: Database, tmp_path: Path
) -> None:
    await ask(visitor)
    await vote(visitor, "cast_2", ["style", "made up", 3])
    assert database.writer.flush(5)
    (found,), _ = database.read_now(votes.ballots)
    assert {found.left, found.right} == set(MODELS)
    assert (found.winner, found.reasons, found.address) == ("both_bad", ("style",), "127.0.0.1")
    assert visitor.browser not in repr(found)
    line = _last_line(tmp_path)
    assert (line["type"], line["models"]) == ("bothbad_vote", ["", ""])
    (old,) = OldLog().ballots([json.dumps(line)])
    assert (old.battle, old.left, old.right) == (found.battle, found.left, found.right)


async def test_no_second_vote_and_none_on_nothing(visitor: Visitor, database: Database) -> None:
    with pytest.raises(Refused, match="nothing to vote on"):
        await vote(visitor)
    await ask(visitor)
    await vote(visitor)
    with pytest.raises(Refused, match="nothing to vote on"):
        await vote(visitor, "cast_3")
    assert database.writer.flush(5)
    assert len(database.read_now(votes.ballots)[0]) == 1


async def test_a_failed_side_does_not_count(visitor: Visitor, engine: ScriptedEngine) -> None:
    engine.failure = EngineFailed("broken")
    await ask(visitor)
    _, _, ballot, note, _ = await standing(visitor)
    assert ballot["visible"] is False
    assert "does not count" in note


async def test_side_by_side_names_are_in_sight(visitor: Visitor, database: Database) -> None:
    await ask(visitor, kind=SIDE, pair=MODELS)
    left, right, ballot, *_ = await standing(visitor, "_5")
    assert (left, right) == ("### Model A: alpha-model", "### Model B: beta-model")
    assert ballot["visible"] is True
    await vote(visitor, "cast_4")
    assert database.writer.flush(5)
    (found,), _ = database.read_now(votes.ballots)
    assert (found.kind, found.left, found.winner) == ("side_by_side", "alpha-model", "left")


async def test_the_leaderboard_follows_the_votes(
    visitor: Visitor, database: Database, engine: ScriptedEngine
) -> None:
    chosen = ["all", "all", True, False, False]
    ((summary, table, *_),) = await visitor.whole("show", chosen)
    assert "no votes yet" in table
    await ask(visitor)
    await vote(visitor)
    ((summary, table, *charts),) = await visitor.whole("show", chosen)
    assert "alpha-model" in table
    assert "no rating yet" in table
    assert "1 votes count" in summary
    assert [chart["visible"] for chart in charts] == [False, False]


async def test_votes_of_another_process_are_seen(visitor: Visitor, database: Database) -> None:
    battles.add(database, battle())
    votes.add(database, cast())
    assert database.writer.flush(5)
    ((_, table, *_),) = await visitor.whole("show", ["all", "all", True, False, False])
    assert "beta" in table
    ((csv,),) = await visitor.whole("csv", ["code", "week", "x", None, 7])
    assert csv.startswith("rank_best,")


def _last_line(folder: Path) -> Any:
    (log,) = folder.glob("*-conv.json")
    return json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
