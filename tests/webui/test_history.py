"""Conversations that are kept, as a browser finds them again."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from fastchat.storage import Database
from fastchat.webui.history.export import as_json, as_markdown
from fastchat.webui.session import Settings, Turn
from tests.scripted import ScriptedEngine
from tests.webui.pages import served_page
from tests.webui.visitor import CONTROLS, Refused, Visitor, said


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'kept.db'}"


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
async def visitor(engine: ScriptedEngine, url: str) -> AsyncIterator[Visitor]:
    async with (
        served_page(engine, database=Database.open(url)) as page,
        aiohttp.ClientSession() as session,
    ):
        visitor = Visitor(session, page)
        await visitor.open()
        yield visitor


async def past(visitor: Visitor, search: str = "") -> list[tuple[str, str]]:
    ((found,),) = await visitor.whole("listed", [visitor.id, visitor.browser, search])
    return [tuple(choice) for choice in found["choices"]]


async def shown(visitor: Visitor, event: str, *inputs: Any) -> tuple[str, list[str]]:
    ((id, *rest),) = await visitor.whole(event, [visitor.id, visitor.browser, *inputs])
    return id, [said(row) for row in rest[-1]]


async def act(visitor: Visitor, event: str, *inputs: Any) -> Any:
    return await visitor.whole(event, [visitor.id, visitor.browser, *inputs])


async def test_it_survives_a_restart_in_the_middle_of_a_chat(visitor: Visitor, url: str) -> None:
    await visitor.ask("first")
    async with served_page(ScriptedEngine(), database=Database.open(url)) as page:
        again = Visitor(visitor.session, page, id=visitor.id, browser=visitor.browser)
        await again.open()
        assert await shown(again, "opened") == (visitor.id, ["first", "one two three"])
        rows = await again.ask("second")
        assert [said(row) for row in rows][::2] == ["first", "second"]
        assert len(await past(again)) == 1


async def test_it_is_another_browsers_secret(visitor: Visitor) -> None:
    await visitor.ask("my secret")
    ((_, id),) = await past(visitor)
    other = Visitor(visitor.session, visitor.url)
    await other.open()
    assert await past(other) == []
    assert await past(other, "secret") == []
    with pytest.raises(Refused, match="not there any more"):
        await act(other, "open", id)
    spy = Visitor(visitor.session, visitor.url, id=visitor.id)
    await spy.open()
    await act(spy, "forget")
    await act(spy, "rename", "stolen")
    assert [title for title, _ in await past(visitor)] == ["my secret"]


async def test_a_new_chat_leaves_the_old_one_in_the_list(visitor: Visitor) -> None:
    await visitor.ask("the old one")
    ((new, rows),) = await visitor.whole("clear", [visitor.id])
    assert (new != visitor.id, rows) == (True, [])
    visitor.id = new
    await visitor.ask("the new one")
    (newer, _), (older, id) = await past(visitor)
    assert (newer, older) == ("the new one", "the old one")
    reopened, said_then = await shown(visitor, "open", id)
    assert said_then == ["the old one", "one two three"]
    visitor.id = reopened
    assert len(await visitor.ask("and on")) == 4
    assert [title for title, _ in await past(visitor)] == ["the old one", "the new one"]


async def test_words_are_searched_and_titles_changed(visitor: Visitor) -> None:
    await visitor.ask("What of the Sea?")
    assert await past(visitor, "mountains") == []
    await act(visitor, "rename", "  About   water ")
    await act(visitor, "pin")
    ((title, _),) = await past(visitor, "SEA")
    assert title.endswith("About water")
    assert title != "About water"


async def test_a_temporary_chat_is_kept_nowhere(visitor: Visitor, tmp_path: Path) -> None:
    visitor.temporary = True
    await visitor.ask("do not remember")
    assert await past(visitor) == []
    kept = b"".join(path.read_bytes() for path in _files(tmp_path))
    assert b"do not remember" not in kept


async def test_an_edit_changes_what_is_kept(visitor: Visitor) -> None:
    for question in ("one", "two", "three"):
        await visitor.ask(question)
    about = {"index": 2, "value": "other", "previous_value": "two"}
    await visitor.rows("edit", [*visitor.who, "m", *CONTROLS], about)
    ((_, id),) = await past(visitor)
    _, texts = await shown(visitor, "open", id)
    assert texts[::2] == ["one", "other"]


async def test_a_shared_chat_is_read_by_its_link_until_it_is_taken_back(visitor: Visitor) -> None:
    await visitor.ask("look at this")
    ((link,),) = await act(visitor, "share")
    reader = Visitor(visitor.session, visitor.url, query=link["value"])
    await reader.open()
    assert (await shown(reader, "opened"))[1] == ["look at this", "one two three"]
    await reader.ask("a copy of my own")
    assert len(await past(visitor)) == len(await past(reader)) == 1
    assert (await past(visitor))[0][1] != (await past(reader))[0][1]
    await act(visitor, "unshare")
    late = Visitor(visitor.session, visitor.url, query=link["value"])
    await late.open()
    assert (await shown(late, "opened"))[1] == []


async def test_what_is_deleted_is_gone_for_good(visitor: Visitor, url: str) -> None:
    await visitor.ask("forget me")
    ((link,),) = await act(visitor, "share")
    old = visitor.id
    visitor.id, texts = await shown(visitor, "forget")
    assert texts == []
    assert await past(visitor) == []
    again = Visitor(visitor.session, visitor.url, id=old, query=link["value"])
    again.browser = visitor.browser
    await again.open()
    assert (await shown(again, "opened"))[1] == []


async def test_what_is_deleted_while_it_is_written_stays_deleted(
    engine: ScriptedEngine, visitor: Visitor
) -> None:
    engine.held, engine.held_from = asyncio.Event(), 1
    for number in range(10):
        # The same page: what it clicks while it reads an answer comes by a stream of its own.
        click = Visitor(visitor.session, visitor.url, id=visitor.id, browser=visitor.browser)
        await click.open()
        async with aclosing(visitor.asking(f"forget number {number}")) as answer:
            await anext(answer)
            visitor.id, _ = await shown(click, "forget")
            async for _ in answer:
                pass
        assert await past(visitor) == []


async def test_what_another_tab_deleted_is_not_written_again(
    engine: ScriptedEngine, visitor: Visitor
) -> None:
    await visitor.ask("forget me")
    ((_, id),) = await past(visitor)
    other = Visitor(visitor.session, visitor.url, browser=visitor.browser)
    await other.open()
    other.id, _ = await shown(other, "open", id)
    await shown(visitor, "forget")
    await other.ask("and on")
    assert await past(visitor) == []


async def test_half_a_character_spoils_no_conversation(visitor: Visitor) -> None:
    rows = await visitor.ask("half a \ud83d smile, and a whole one \ud83d\ude00")
    assert said(rows[0]) == "half a \ufffd smile, and a whole one \U0001f600"
    assert [title for title, _ in await past(visitor)] == [said(rows[0])]
    visitor.system = "\ud83d"
    with pytest.raises(Refused, match="half a character"):
        await visitor.ask("and now?")


async def test_an_export_is_for_programs_and_for_people(visitor: Visitor) -> None:
    await visitor.ask("take me along")
    ((text,),) = await visitor.whole("exported", [visitor.id])
    assert json.loads(text)["messages"] == [
        {"role": "user", "content": "take me along"},
        {"role": "assistant", "content": "one two three"},
    ]
    ((text,),) = await visitor.whole("exported_1", [visitor.id])
    assert text.startswith("# take me along\n\n## take me along\n\n*m*\n\none two three")


def test_the_system_prompt_goes_along() -> None:
    how = Settings(model="m", system="Be brief.")
    turns = [Turn(question="one\nline two", answer="a", settings=how)]
    assert json.loads(as_json("t", turns))["messages"][0]["role"] == "system"
    assert "## one\n\nline two\n\n*m*" in as_markdown("t", turns)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
