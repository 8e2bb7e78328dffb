"""`fastchat arena`, on a database and on old logs."""

import io
import json
from pathlib import Path

import pytest

from fastchat.core.database import DatabaseUrl
from fastchat.core.errors import ConfigError
from fastchat.storage import Database, battles, votes
from fastchat.terminal.arena import ArenaCommand, arena
from tests.arena.test_old_log import line
from tests.storage.test_battles import battle, vote


def printed(**flags: object) -> str:
    out = io.StringIO()
    arena(ArenaCommand(**flags), out)  # type: ignore[arg-type]  # a test names its flags
    return out.getvalue()


@pytest.fixture
def url(tmp_path: Path) -> DatabaseUrl:
    """With one vote for alpha against beta."""
    found = DatabaseUrl(f"sqlite:///{tmp_path / 'votes.db'}")
    database = Database.open(found.text)
    battles.add(database, battle())
    votes.add(database, vote())
    database.close()
    return found


@pytest.fixture
def log(tmp_path: Path) -> str:
    lines = [line("leftvote" if n % 3 else "rightvote", ip=f"10.0.0.{n}", states=states(n))
             for n in range(40)]  # fmt: skip
    (tmp_path / "2023-05-01-conv.json").write_text("\n".join(lines))
    return str(tmp_path / "*-conv.json")


def states(number: int) -> list[object]:
    entry = json.loads(line())
    for state in entry["states"]:
        state["conv_id"] = f"{number:032x}"
    return list(entry["states"])


def test_the_leaderboard_of_old_logs(log: str) -> None:
    said = printed(logs=(log,))
    assert said.index("vicuna-13b") < said.index("alpaca-13b")
    assert "40 votes count" in said
    assert "would be first" in said


def test_the_leaderboard_of_a_database(url: DatabaseUrl) -> None:
    said = printed(database_url=url)
    assert "no rating yet  alpha" in " ".join(said.split(" ")).replace("   ", "  ")
    assert "1 votes count" in said


@pytest.mark.parametrize("style", [False, True])
def test_formats_for_programs(log: str, style: bool) -> None:
    csv = printed(logs=(log,), format="csv", style_control=style)
    assert csv.splitlines()[1].startswith("1,1,vicuna-13b,") or "vicuna-13b" in csv.splitlines()[1]
    assert json.loads(printed(logs=(log,), format="json", intervals="bootstrap"))["votes"] == 40


def test_votes_are_exported_one_a_line(url: DatabaseUrl) -> None:
    (exported,) = printed(action="export", database_url=url).splitlines()
    assert json.loads(exported)["model_a"] == "alpha"


def test_what_cannot_be_read_is_named(tmp_path: Path, log: str) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        printed(logs=(str(tmp_path / "none.json"),))
    with pytest.raises(ConfigError, match="choose from english"):
        printed(logs=(log,), category="cooking")
