"""The page as a browser talks to it: over Gradio's queue, on real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from fastchat.core.errors import NoWorker
from tests.scripted import ScriptedEngine
from tests.servers import until
from tests.webui.pages import served_page
from tests.webui.visitor import CONTROLS, Refused, Visitor, said


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
async def visitor(engine: ScriptedEngine, tmp_path: Path) -> AsyncIterator[Visitor]:
    async with served_page(engine, folder=tmp_path) as url, aiohttp.ClientSession() as session:
        visitor = Visitor(session, url)
        await visitor.open()
        yield visitor


async def test_a_question_is_answered(visitor: Visitor) -> None:
    rows = await visitor.ask("hi")
    assert [(row["role"], said(row)) for row in rows] == [
        ("user", "hi"),
        ("assistant", "one two three"),
    ]


async def test_it_is_asked_again_from_a_row(visitor: Visitor, engine: ScriptedEngine) -> None:
    await visitor.ask("first")
    await visitor.ask("second")
    engine.words = ["else"]
    about = {"index": 1, "value": "one two three"}
    rows = await visitor.rows("regenerate", [*visitor.who, "m", *CONTROLS], about)
    assert [said(row) for row in rows] == ["first", "else"]


async def test_a_question_is_edited(visitor: Visitor, engine: ScriptedEngine) -> None:
    await visitor.ask("first")
    about = {"index": 0, "value": "other <\u2060b>", "previous_value": "first"}
    rows = await visitor.rows("edit", [*visitor.who, "m", *CONTROLS], about)
    assert said(rows[0]) == "other <\u2060b>"
    prompt: Any = engine.asked[1].prompt
    assert prompt.messages[-1].text == "other <b>"


async def test_a_reload_shows_the_conversation_of_the_tab(visitor: Visitor) -> None:
    await visitor.ask("hi")
    again = Visitor(visitor.session, visitor.url, id=visitor.id)
    await again.open()
    ((id, browser, rows),) = await again.whole("opened", [visitor.id, visitor.browser])
    assert (id, browser) == (visitor.id, visitor.browser)
    assert [said(row) for row in rows] == ["hi", "one two three"]


async def test_the_models_of_the_moment_can_be_chosen(visitor: Visitor) -> None:
    ((model, seeing, known),) = await visitor.whole("choices", [None])
    assert (model["value"], known) == ("m", None)  # a state stays at the server
    assert json.loads(seeing) == {"shown": [], "blind": ["m"], "drawn": 0}


async def test_votes_and_answers_are_logged(visitor: Visitor, tmp_path: Path) -> None:
    await visitor.ask("hi")
    for liked in (True, False, "Flag", "Love", True):
        about = {"index": 1, "value": "x", "liked": liked}
        async for _ in visitor.updates("vote", [visitor.id], about):
            pass
    text = _log_in(tmp_path)
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["type"] for line in lines] == ["chat", "upvote", "downvote", "flag"]
    assert lines[1]["state"]["messages"] == [["user", "hi"], ["assistant", "one two three"]]
    assert lines[1]["ip"] == "127.0.0.1"
    assert visitor.id not in text


async def test_what_is_said_is_not_printed(
    visitor: Visitor,
    engine: ScriptedEngine,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("INFO")
    engine.words = ["my answer"]
    await visitor.ask("my question")
    printed = caplog.text + "".join(capfd.readouterr())
    assert "my question" not in printed
    assert "my answer" not in printed


async def test_stop_keeps_what_was_said(visitor: Visitor, engine: ScriptedEngine) -> None:
    engine.held = asyncio.Event()
    asking = asyncio.create_task(visitor.ask("hi"))
    await until(lambda: engine.running)
    other = Visitor(visitor.session, visitor.url, id=visitor.id)
    await other.open()
    async for _ in other.updates("stop", [visitor.id]):
        pass
    question, mark = [said(row) for row in await asking]
    assert (question, engine.running) == ("hi", 0)
    assert "stopped" in mark


async def test_a_reload_says_that_it_cut_the_answer(
    visitor: Visitor, engine: ScriptedEngine
) -> None:
    engine.held = asyncio.Event()
    asking = asyncio.create_task(visitor.ask("hi"))
    await until(lambda: engine.running)
    again = Visitor(visitor.session, visitor.url, id=visitor.id)
    await again.open()
    ((_, _, rows),) = await again.whole("opened", [visitor.id, visitor.browser])
    assert [said(row)[:1] for row in rows] == ["h", ">"]
    assert engine.running == 0
    await asking


async def test_a_message_edited_to_blanks_changes_nothing(visitor: Visitor) -> None:
    before = await visitor.ask("first")
    about = {"index": 0, "value": "  \n ", "previous_value": "first"}
    assert await visitor.rows("edit", [*visitor.who, "m", *CONTROLS], about) == before


async def test_who_closes_the_page_stops_the_answer(engine: ScriptedEngine) -> None:
    engine.words, engine.held = ["word"] * 10, asyncio.Event()
    async with served_page(engine) as url:
        async with aiohttp.ClientSession() as session:
            visitor = Visitor(session, url)
            await visitor.open()
            async with aclosing(visitor.asking("hi")) as updates:
                await anext(updates)
                await until(lambda: engine.running)
        await until(lambda: not engine.running)


async def test_a_fault_is_a_sentence_in_the_language_of_the_browser(
    visitor: Visitor, engine: ScriptedEngine
) -> None:
    engine.failure = NoWorker("m")
    visitor.session.headers["accept-language"] = "zh-CN"
    rows = await visitor.ask("hi")
    assert "模型 m 暂时没有可用的工作进程" in said(rows[1])


@pytest.mark.parametrize("id", ["", "../../x", 7, None])
async def test_a_made_up_id_opens_nothing(
    visitor: Visitor, engine: ScriptedEngine, id: object
) -> None:
    with pytest.raises(Refused, match="reload it"):
        await visitor.rows("ask", [id, visitor.browser, False, "hi", "", "m", *CONTROLS])
    assert engine.asked == []


async def test_impossible_settings_ask_nobody(visitor: Visitor, engine: ScriptedEngine) -> None:
    with pytest.raises(Refused, match="model is no text"):
        await visitor.rows(
            "ask", [visitor.id, visitor.browser, False, "hi", "", {"a": 1}, "", "hot", [], None]
        )
    assert engine.asked == []


async def test_a_question_may_be_faster_than_the_list_of_models(
    visitor: Visitor, engine: ScriptedEngine
) -> None:
    await visitor.rows("ask", [*visitor.who, "hi", "", None, *CONTROLS])
    assert [one.model for one in engine.asked] == ["m"]


async def test_no_event_is_offered_to_other_programs(visitor: Visitor) -> None:
    config = await visitor.open()
    assert {one["api_visibility"] for one in config["dependencies"]} == {"private"}
    assert config["analytics_enabled"] is False


async def test_more_than_forty_answers_are_written_at_once(engine: ScriptedEngine) -> None:
    engine.held = asyncio.Event()
    async with served_page(engine) as url, aiohttp.ClientSession() as session:
        visitors = [Visitor(session, url) for _ in range(60)]
        await asyncio.gather(*(visitor.open() for visitor in visitors))
        asking = [asyncio.create_task(visitor.ask("hi")) for visitor in visitors]
        await until(lambda: engine.running == 60)
        engine.held.set()
        answers = await asyncio.gather(*asking)
    assert {said(rows[1]) for rows in answers} == {"one two three"}


def _log_in(folder: Path) -> str:
    (file,) = folder.glob("*-conv.json")
    return file.read_text(encoding="utf-8")
