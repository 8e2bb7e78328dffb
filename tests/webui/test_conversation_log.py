"""The lines that scripts of 0.2.36 read."""

import json
import os
import time
from dataclasses import replace
from hashlib import md5
from pathlib import Path

import pytest

from fastchat.webui.conversation_log import ConversationLog
from fastchat.webui.session import Settings, Turn
from tests.webui.drawing import png, url_of

SETTINGS = Settings(model="m", system="Be kind.", temperature=0.5, top_p=0.9, max_tokens=64)
TURNS = [
    Turn(question="q1", answer="a1", settings=SETTINGS),
    Turn(question="q2 é", answer="a2", settings=SETTINGS),
]
NOW = 1_700_000_000.123456
STATE = {
    "template_name": "chatgpt",
    "system_message": "Be kind.",
    "roles": ["user", "assistant"],
    "messages": [["user", "q1"], ["assistant", "a1"], ["user", "q2 é"], ["assistant", "a2"]],
    "offset": 0,
    "conv_id": "c" * 32,
    "model_name": "m",
}


def lines(folder: Path) -> list[dict[str, object]]:
    day = time.strftime("%Y-%m-%d", time.localtime(NOW))
    text = (folder / f"{day}-conv.json").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_votes_and_chats_are_lines_as_before(tmp_path: Path) -> None:
    log = ConversationLog(tmp_path, lambda: NOW)
    log.vote("upvote", "c" * 32, TURNS, "1.2.3.4")
    log.chat("c" * 32, TURNS, NOW - 2, "1.2.3.4")
    vote, chat = lines(tmp_path)
    assert vote == {
        "tstamp": 1_700_000_000.1235,
        "type": "upvote",
        "model": "m",
        "state": STATE,
        "ip": "1.2.3.4",
    }
    assert chat == {
        "tstamp": 1_700_000_000.1235,
        "type": "chat",
        "model": "m",
        "gen_params": {"temperature": 0.5, "top_p": 0.9, "max_new_tokens": 64},
        "start": 1_699_999_998.1235,
        "finish": 1_700_000_000.1235,
        "state": STATE,
        "ip": "1.2.3.4",
        "images": [],
    }


def test_a_picture_is_named_by_its_md5_and_not_kept(tmp_path: Path) -> None:
    log = ConversationLog(tmp_path, lambda: NOW)
    turn = replace(TURNS[0], question="what?", pictures=(url_of(png()),))
    log.chat("c" * 32, [turn], NOW, "")
    (chat,) = lines(tmp_path)
    mark = md5(png()).hexdigest()
    assert chat["images"] == [mark]
    assert chat["state"]["messages"][0] == ["user", ["what?", [mark]]]  # type: ignore[index]  # JSON


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    ConversationLog(None, lambda: NOW).vote("flag", "c", TURNS, "")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_costs_the_line_and_not_the_page(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    missing = tmp_path / "gone"
    ConversationLog(missing, lambda: NOW).vote("flag", "c", TURNS, "")
    assert f"{missing}{os.sep}" in caplog.text
