import json
from pathlib import Path

import pytest

from fastchat.core.generation import Chat, Message
from fastchat.terminal.chat.commands import COMMANDS, split
from tests.scripted import ScriptedEngine
from tests.terminal.chat.talks import chat, partner

ANSWER = "ASSISTANT: one two three"


async def told(*questions: str) -> list[str]:
    loop, said = chat([*questions, "!!exit"])
    await loop.run()
    assert said[-1] == "exit..."
    return said[:-1]


async def test_reset_begins_a_new_conversation() -> None:
    engine = ScriptedEngine()
    loop, said = chat(["a", "!!reset", "b"], engine)
    await loop.run()
    assert said == [ANSWER, "resetting...", ANSWER, "exit..."]
    assert engine.asked[1].prompt == Chat((Message(role="user", content="b"),))


async def test_remove_takes_back_a_turn_and_shows_the_rest() -> None:
    said = await told("a", "b", "!!remove", "!!remove", "!!remove")
    removing = "removing last message..."
    assert said[2:] == [
        *(removing, "USER: a", ANSWER),
        removing,
        *(removing, "No messages to remove."),
    ]


async def test_regen_answers_the_last_question_once_more() -> None:
    said = await told("!!regen", "a", "!!regen")
    again = "regenerating last message..."
    assert said == [again, "No messages to regenerate.", ANSWER, again, "USER: a", ANSWER]


async def test_a_conversation_is_saved_in_the_format_of_the_original(tmp_path: Path) -> None:
    said = await told("a", f"!!save {tmp_path}/talk")
    assert said[1] == f"saving... {tmp_path}/talk.json"
    assert json.loads((tmp_path / "talk.json").read_text()) == {
        "template_name": "vicuna_v1.1",
        "system_message": "",
        "roles": ["USER", "ASSISTANT"],
        "messages": [["USER", "a"], ["ASSISTANT", "one two three"]],
        "offset": 0,
    }


@pytest.mark.parametrize("name", ["talk", "talk.json"])
async def test_a_saved_conversation_goes_on(tmp_path: Path, name: str) -> None:
    await told("a", f"!!save {tmp_path}/talk")
    engine = ScriptedEngine()
    loop, said = chat([f"!!load {tmp_path}/{name}", "b"], engine)
    await loop.run()
    assert said[:3] == [f"loading... {tmp_path}/talk.json", "USER: a", ANSWER]
    assert "content='a'" in str(engine.asked[0].prompt)


async def test_a_loaded_conversation_keeps_its_template(tmp_path: Path) -> None:
    saved = {"template_name": "zero_shot", "system_message": "S.", "messages": [["Human", "a"]]}
    (tmp_path / "talk.json").write_text(json.dumps(saved))
    engine = ScriptedEngine()
    named = partner(engine, template="vicuna_v1.1")
    loop, _ = chat([f"!!load {tmp_path}/talk", "b"], of=named)
    await loop.run()
    assert engine.asked[0].prompt == "S.\n### Human: a\n### Human: b\n### Assistant:"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "holds no conversation"),
        ('{"template_name": "vicuna_v1.1"}', "holds no conversation"),
        ("[" * 100_000, "holds no conversation"),
        ('{"template_name": "x", "system_message": "", "messages": []}', "template unknown here"),
    ],
)
async def test_a_file_that_is_none_changes_nothing(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "talk.json").write_text(content)
    said = await told("a", f"!!load {tmp_path}/talk", "!!regen")
    assert says in said[2]
    assert said[-1] == ANSWER


async def test_what_is_missing_is_told(tmp_path: Path) -> None:
    said = await told("!!save", "!!load", "!!load /nowhere/talk", f"!!save {tmp_path}/no/talk")
    assert said == [
        "usage: !!save <filename>",
        "usage: !!load <filename>",
        "file not found: /nowhere/talk",
        f"saving... {tmp_path}/no/talk.json",
        f"error: {tmp_path}/no/talk.json cannot be written (No such file or directory): give "
        "another name",
    ]


async def test_help_lists_every_command() -> None:
    said = await told("!!help")
    assert [line.split()[0] for line in said] == list(COMMANDS)


@pytest.mark.parametrize("line", ["!!wow", "say !!exit", "!exit", "hello"])
def test_anything_else_is_a_message(line: str) -> None:
    assert split(line) == ("", "")
