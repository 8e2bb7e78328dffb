"""`fastchat judge` on a real database, with a real server as the judge."""

import io
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fastchat.arena.battle import Winner
from fastchat.core.database import DatabaseUrl
from fastchat.core.errors import ConfigError, OutOfRange
from fastchat.core.generation import Chat, Chunk, GenerationRequest
from fastchat.storage import Database, battles, votes
from fastchat.terminal.judge.config import JudgeCommand
from fastchat.terminal.judge.run import judge
from tests.apps import worker_app
from tests.scripted import ScriptedEngine
from tests.servers import serving
from tests.storage.test_battles import battle, vote

VOTES: dict[str, Winner] = {"b0": "left", "b1": "left", "b2": "tie"}


@dataclass
class Judge(ScriptedEngine):
    """Prefers whatever is wide, and the first where both are; grades by length. `mute`: says
    nothing that can be read."""

    mute: bool = False
    broken: bool = False
    context_length: int = 10_000

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        self.asked.append(request)
        if self.broken:
            raise OutOfRange("no such judge today")
        yield self._chunk(request, len(self.words) - 1, self._verdict(request))

    def _verdict(self, request: GenerationRequest) -> str:
        assert isinstance(request.prompt, Chat)
        asked, shown = (message.text for message in request.prompt.messages)
        if self.mute:
            return "[[A]] and [[B]]"
        if "grade from 1" in asked:
            return "So so.\n[[8]]" if "wide" in shown else "Short.\n[[2]]"
        a, _, b = shown.partition("assistant B")
        return "I see.\n[[B]]" if "wide" in b and "wide" not in a else "I see.\n[[A]]"


@pytest.fixture
def url(tmp_path: Path) -> DatabaseUrl:
    """In b0 and b1 the left one is wide; in b2 both are, so that the judge takes the first."""
    found = DatabaseUrl(f"sqlite:///{tmp_path / 'votes.db'}")
    database = Database.open(found.text)
    for id, winner in VOTES.items():
        battles.add(database, battle(id))
        votes.add(database, vote(id, winner))
    battles.add(database, battle("b3", "not voted on"))
    database.close()
    return found


@pytest.fixture
def engine() -> Judge:
    return Judge()


@pytest.fixture
async def api(engine: Judge) -> AsyncIterator[str]:
    async with serving(worker_app(engine, slots=4)) as base:
        yield base


async def _judged(url: DatabaseUrl, api: str, output: Path, **flags: object) -> str:
    out = io.StringIO()
    values: dict[str, object] = {"model": "m", "database_url": url, "api": api, "output": output}
    config = JudgeCommand(**(values | flags))  # type: ignore[arg-type]  # a test names its flags
    await judge(config, out, io.StringIO())
    return out.getvalue()


async def test_battles_are_judged_both_ways_round(
    url: DatabaseUrl, api: str, tmp_path: Path, engine: Judge
) -> None:
    said = await _judged(url, api, tmp_path / "out.jsonl", voted=True)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {line["battle"]: line["verdict"] for line in lines} == dict.fromkeys(VOTES, "left")
    assert len(engine.asked) == 6
    assert "3 battles judged, 0 without a verdict" in said
    assert "agrees with 3 votes in 67%" in said
    assert "alpha: won 100% of 3" in said


async def test_who_wins_by_its_place_has_a_tie(api: str, tmp_path: Path, url: DatabaseUrl) -> None:
    database = Database.open(url.text)
    battles.add(database, battle("b9", "No."))  # both sides are alike: the judge takes the first
    database.close()
    await _judged(url, api, tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    [last] = [line for line in lines if line["battle"] == "b9"]
    assert (last["verdict"], last["consistent"]) == ("tie", False)


async def test_each_side_can_have_a_grade(url: DatabaseUrl, api: str, tmp_path: Path) -> None:
    said = await _judged(url, api, tmp_path / "out.jsonl", mode="single", voted=True)
    assert "alpha: 8.00 of 10 of 3" in said
    assert "beta: 2.00 of 10 of 3" in said


async def test_what_was_judged_is_not_judged_again(
    url: DatabaseUrl, api: str, tmp_path: Path, engine: Judge
) -> None:
    output = tmp_path / "out.jsonl"
    await _judged(url, api, output, limit=1)
    with output.open("a") as file:
        file.write('{"battle":"b1","cut sh')  # as a process that was killed leaves it
    said = await _judged(url, api, output)
    assert len(engine.asked) == 8
    assert "4 battles judged" in said
    assert len(output.read_text().splitlines()) == 4


async def test_what_cannot_be_read_is_no_verdict(
    url: DatabaseUrl, api: str, tmp_path: Path, engine: Judge
) -> None:
    engine.mute = True
    assert "4 battles judged, 4 without a verdict" in await _judged(url, api, tmp_path / "out")


async def test_a_judge_that_fails_is_said_and_nothing_is_written(
    url: DatabaseUrl, api: str, tmp_path: Path, engine: Judge
) -> None:
    engine.broken = True
    with pytest.raises(ConfigError, match="4 battles could not be judged"):
        await _judged(url, api, tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == ""


async def test_a_judge_that_always_fails_is_not_asked_about_all(
    url: DatabaseUrl, api: str, tmp_path: Path, engine: Judge
) -> None:
    database = Database.open(url.text)
    for number in range(20):
        battles.add(database, battle(f"more{number}"))
    database.close()
    engine.broken = True
    with pytest.raises(ConfigError, match="24 battles could not be judged"):
        await _judged(url, api, tmp_path / "out.jsonl", parallel=1)
    assert len(engine.asked) == 5


@pytest.mark.parametrize("notes", ["my notes\n", "my notes", "[]"])
async def test_a_file_of_something_else_is_left_alone(
    url: DatabaseUrl, api: str, tmp_path: Path, notes: str
) -> None:
    (tmp_path / "notes").write_text(notes)
    with pytest.raises(ConfigError, match="line 1 is no judgment"):
        await _judged(url, api, tmp_path / "notes")
    assert (tmp_path / "notes").read_text() == notes


async def test_what_it_cost_is_said(url: DatabaseUrl, api: str, tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"m": {"input": 1000, "output": 1000, "as_of": "2026-01"}}')
    priced = await _judged(url, api, tmp_path / "out", price_file=prices)
    assert "$" in priced.splitlines()[-1]
    assert "no known price" in await _judged(url, api, tmp_path / "out")
