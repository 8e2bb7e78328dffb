"""Questions with pictures, as a browser asks them: in the chat, in the history, in battles."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from fastchat.core.chat import Image, Text
from fastchat.core.errors import EngineFailed
from fastchat.core.generation import Chat
from fastchat.core.pictures import mark_of
from fastchat.storage import Database, battles, votes
from tests.scripted import ScriptedEngine
from tests.webui.drawing import png, sent, url_of
from tests.webui.pages import served_page
from tests.webui.test_arena import BLIND, SIDE, ask, standing, vote
from tests.webui.visitor import Refused, Visitor, said, seen

EYES, BLINDS = ("eye-one", "eye-two"), ("deep-one", "deep-two")
PICTURE = url_of(png())
QUESTION = sent(PICTURE)


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'kept.db'}"


@pytest.fixture
def database(url: str) -> Database:
    return Database.open(url)


@pytest.fixture
async def visitor(
    engine: ScriptedEngine, database: Database, tmp_path: Path
) -> AsyncIterator[Visitor]:
    page = served_page(
        engine, folder=tmp_path, models=(*EYES, *BLINDS), sees=EYES, tabs=True, database=database
    )
    async with page as url, aiohttp.ClientSession() as session:
        visitor = Visitor(session, url, model="eye-one")
        await visitor.open()
        yield visitor


async def stored(visitor: Visitor) -> list[dict[str, Any]]:
    """What the tab shows when it is opened again."""
    ((_, _, rows),) = await visitor.whole("opened", [visitor.id, visitor.browser])
    return list(rows)


def content_of(engine: ScriptedEngine, number: int = -1) -> Any:
    prompt = engine.asked[number].prompt
    assert isinstance(prompt, Chat)
    return prompt.messages[-1].content


async def test_the_model_sees_what_is_shown(visitor: Visitor, engine: ScriptedEngine) -> None:
    question, answer = await visitor.ask("what is it?", QUESTION)
    assert content_of(engine) == (Image(PICTURE), Text("what is it?"))
    assert (said(question), said(answer)) == ("what is it?", "one two three")
    assert f'<img src="{PICTURE}"' in seen(question)


async def test_the_browser_is_told_who_sees(visitor: Visitor) -> None:
    ((*_, seeing, _),) = await visitor.whole("choices", [None, None, None])
    assert json.loads(seeing) == {"shown": list(EYES), "blind": list(BLINDS), "drawn": 2}


async def test_a_model_that_does_not_see_is_not_asked(
    visitor: Visitor, engine: ScriptedEngine
) -> None:
    visitor.model = "deep-one"
    with pytest.raises(Refused, match="deep-one does not see pictures"):
        await visitor.ask("what is it?", QUESTION)
    assert engine.asked == []


async def test_what_is_no_picture_is_not_shown(visitor: Visitor, engine: ScriptedEngine) -> None:
    markup = url_of(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    with pytest.raises(Refused, match="PNG, JPEG, GIF or WebP"):
        await visitor.ask("what is it?", sent(markup))
    assert engine.asked == []


async def test_the_history_keeps_it_and_forgets_it(visitor: Visitor, url: str) -> None:
    await visitor.ask("", QUESTION)
    ((listed,),) = await visitor.whole("listed", [visitor.id, visitor.browser, ""])
    assert [title for title, _ in listed["choices"]] == ["\N{FRAME WITH PICTURE}"]
    await visitor.whole("share", [visitor.id, visitor.browser])
    async with served_page(ScriptedEngine(), database=Database.open(url)) as page:
        again = Visitor(visitor.session, page, id=visitor.id, browser=visitor.browser)
        await again.open()
        assert PICTURE in seen((await stored(again))[0])
        await again.whole("forget", [again.id, again.browser])
    _checkpoint(url)
    assert PICTURE.encode() not in b"".join(_files(url))


async def test_a_temporary_chat_keeps_no_picture(visitor: Visitor, url: str) -> None:
    visitor.temporary = True
    await visitor.ask("what is it?", QUESTION)
    assert PICTURE.encode() not in b"".join(_files(url))


async def test_a_battle_with_a_picture_is_fought_by_those_who_see(
    visitor: Visitor, engine: ScriptedEngine, database: Database
) -> None:
    await ask(visitor, "what is it?", pictures=QUESTION)
    assert {request.model for request in engine.asked} == set(EYES)
    assert content_of(engine, 0) == content_of(engine, 1) == (Image(PICTURE), Text("what is it?"))
    await vote(visitor)
    assert database.writer.flush(5)
    (found,), _ = database.read_now(votes.ballots)
    assert found.categories == {"english", "vision"}
    battle = database.read_now(lambda connection: battles.find(connection, found.battle))
    assert battle is not None
    assert battle.pictures == (mark_of(PICTURE),)


async def test_the_leaderboard_shows_the_votes_on_pictures(visitor: Visitor) -> None:
    await ask(visitor, "no picture")
    await vote(visitor)
    await ask(visitor, "what is it?", pictures=QUESTION)
    await vote(visitor, "cast_2")
    for category, count in (("all", "2 votes count"), ("vision", "1 votes count")):
        ((summary, *_),) = await visitor.whole("show", [category, "all", True, False, False])
        assert count in summary


async def test_a_picture_in_the_middle_of_a_blind_round_tells_nothing(
    visitor: Visitor, engine: ScriptedEngine
) -> None:
    await ask(visitor, "first", pictures=QUESTION)
    with pytest.raises(Refused, match="Begin a new round"):
        await ask(visitor, "second", pictures=QUESTION)
    await ask(visitor, "third")
    assert len(engine.asked) == 4


async def test_a_failed_side_and_a_leak_count_as_little_as_without(
    visitor: Visitor, engine: ScriptedEngine, database: Database
) -> None:
    engine.failure = EngineFailed("eye-one broke")
    await ask(visitor, "what is it?", pictures=QUESTION)
    _, _, ballot, note, _ = await standing(visitor)
    assert (ballot["visible"], "does not count" in note) == (False, True)
    engine.failure, engine.words = None, ["I am eye-two and see a square."]
    await visitor.whole("clear", [visitor.id])
    await ask(visitor, "what is it?", pictures=QUESTION)
    *_, note, _ = await vote(visitor)
    assert "does not count" in note
    assert database.writer.flush(5)
    assert database.read_now(votes.ballots)[0][0].leaked


async def test_side_by_side_both_have_to_see(visitor: Visitor, engine: ScriptedEngine) -> None:
    with pytest.raises(Refused, match="deep-one does not see pictures"):
        await ask(visitor, "what?", SIDE, ("eye-one", "deep-one"), QUESTION)
    assert engine.asked == []
    await ask(visitor, "what?", SIDE, EYES, QUESTION)
    assert [request.model for request in engine.asked] == list(EYES)


async def test_where_too_few_see_there_is_no_battle(engine: ScriptedEngine) -> None:
    page = served_page(engine, models=("eye-one", *BLINDS), sees=("eye-one",), tabs=True)
    async with page as url, aiohttp.ClientSession() as session:
        visitor = Visitor(session, url)
        await visitor.open()
        with pytest.raises(Refused, match="A battle needs two models"):
            await ask(visitor, "what?", BLIND, pictures=QUESTION)
    assert engine.asked == []


def _checkpoint(url: str) -> None:
    """What SQLite does by itself every thousand pages."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _files(url: str) -> list[bytes]:
    path = Path(url.removeprefix("sqlite:///"))
    return [file.read_bytes() for file in path.parent.iterdir() if file.is_file()]
