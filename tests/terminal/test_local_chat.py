"""`python3 -m fastchat.serve.cli` as people and programs use it: in a terminal, behind a pipe."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pseudo_terminal import CTRL_C, CTRL_D, PseudoTerminal
from tests.running import ROOT

UP, ENTER = "\x1b[A", "\r"
MARKER = " __END_OF_A_MESSAGE_47582648__\n"
EDITOR = r"USER:\n \n"  # drawn when prompt_toolkit reads the keys
QUESTION = "Which city is the capital of France?"
ENVIRON = os.environ | {"PYTHONPATH": str(ROOT)}
# Without an answer from the terminal, prompt_toolkit would warn that it asked where the cursor is.
QUIET = {"PROMPT_TOOLKIT_NO_CPR": "1"}


def command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "fastchat.serve.cli", *flags]


def piped(text: str, *flags: str, folder: Path = ROOT) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        command(*flags), input=text.encode(), cwd=folder, env=ENVIRON, capture_output=True
    )


@pytest.fixture
def real(tmp_path: Path, smollm2_path: Path) -> Iterator[PseudoTerminal]:
    flags = ("--model-path", str(smollm2_path), "--threads", "1", "--temperature", "0")
    with PseudoTerminal(command(*flags), cwd=tmp_path, environ=ENVIRON) as terminal:
        yield terminal


def test_the_guides_conversation_with_a_real_model(real: PseudoTerminal) -> None:
    real.until("USER: $")
    real.press(f"{QUESTION}\n")
    real.until(r"ASSISTANT: The capital of France is Paris\.\nUSER: $")
    real.press(CTRL_D)
    assert real.wait() == 0
    assert real.text.endswith("USER: \nexit...\n")


def test_ctrl_c_stops_an_answer_and_keeps_what_was_said(
    real: PseudoTerminal, tmp_path: Path
) -> None:
    real.until("USER: $")
    real.press("Write a very long story about a sailor and his dog.\n")
    real.until(r"ASSISTANT: \w+ \w+ \w+")
    real.press(CTRL_C)
    real.until(r"stopped generation\.\nUSER: $")
    real.press("!!save talk\n")
    real.until(r"saving\.\.\. talk\.json\nUSER: $")
    saved = json.loads((tmp_path / "talk.json").read_text())
    assert [role for role, _ in saved["messages"]] == ["USER", "ASSISTANT"]
    assert f"ASSISTANT: {saved['messages'][1][1][:20]}" in real.text
    real.press(CTRL_C)
    assert real.wait() == 0
    assert "Traceback" not in real.text


def test_every_command_works_at_the_prompt(tmp_path: Path) -> None:
    flags = ("--engine", "echo", "--model-path", "m")
    with PseudoTerminal(command(*flags), cwd=tmp_path, environ=ENVIRON) as terminal:
        for typed, shown in (
            ("hello you", "ASSISTANT: hello you"),
            ("!!regen", r"regenerating last message\.\.\.\nUSER: hello you\nASSISTANT: hello you"),
            ("!!save talk.json", r"saving\.\.\. talk\.json"),
            ("!!remove", r"removing last message\.\.\."),
            ("!!remove", r"No messages to remove\."),
            ("!!load talk", r"loading\.\.\. talk\.json\nUSER: hello you\nASSISTANT: hello you"),
            ("!!reset", r"resetting\.\.\."),
            ("!!help", "!!exit +leave"),
        ):
            terminal.until("USER: $")
            before = len(terminal.text)
            terminal.press(f"{typed}\n")
            terminal.until(rf"{shown}[^$]*USER: $", after=before)
        terminal.press("!!exit\n")
        assert terminal.wait() == 0


def test_the_rich_style_has_history_completion_and_markdown(tmp_path: Path) -> None:
    flags = ("--engine", "echo", "--style", "rich")
    answer = rf"ASSISTANT:\n(?s:.*)some bold words(?s:.*){EDITOR}"
    with PseudoTerminal(command(*flags), cwd=tmp_path, environ=ENVIRON | QUIET) as terminal:
        terminal.until(EDITOR)
        terminal.press(f"some **bold** words{ENTER}")
        terminal.until(answer)
        before = len(terminal.text)
        terminal.press(f"{UP}{ENTER}")
        terminal.until(answer, after=before)
        terminal.press("!!reg")
        terminal.until("!!regen", after=before)
        terminal.press(f"\t{ENTER}")
        terminal.until(rf"regenerating last message\.\.\.(?s:.*){answer}")
        terminal.press(CTRL_D)
        assert terminal.wait() == 0
        assert terminal.text.endswith("exit...\n")


@pytest.mark.parametrize("style", ["rich", "simple"])
def test_ctrl_c_at_the_prompt_leaves_the_terminal_as_it_was(tmp_path: Path, style: str) -> None:
    script = f"stty -g > before; {' '.join(command('--engine', 'echo', '--style', style))}; "
    shell = ["bash", "-c", f"trap : INT; {script} echo status $?; stty -g > after; echo end"]
    with PseudoTerminal(shell, cwd=tmp_path, environ=ENVIRON | QUIET) as terminal:
        terminal.until("USER: $" if style == "simple" else EDITOR)
        terminal.press(CTRL_C)
        terminal.until("status 0\nend\n")
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()
    assert "Traceback" not in terminal.text


def test_programs_get_the_bytes_of_the_original(tmp_path: Path) -> None:
    done = piped(
        f"hello you{MARKER}!!regen{MARKER}!!save talk{MARKER}!!reset{MARKER}two\nlines{MARKER}"
        f"!!load talk{MARKER}!!exit{MARKER}",
        *("--engine", "echo", "--style", "programmatic"),
        folder=tmp_path,
    )
    assert done.stderr == b""
    assert done.stdout.decode() == (
        "[!OP:USER]: hello you\n[!OP:ASSISTANT]: hello you\n"
        "[!OP:USER]: !!regen\nregenerating last message...\n"
        "[!OP:USER]: hello you\n[!OP:ASSISTANT]: hello you\n"
        "[!OP:USER]: !!save talk\nsaving... talk.json\n"
        "[!OP:USER]: !!reset\nresetting...\n"
        "[!OP:USER]: two\nlines\n[!OP:ASSISTANT]: two lines\n"
        "[!OP:USER]: !!load talk\nloading... talk.json\n"
        "[!OP:USER]: hello you\n[!OP:ASSISTANT]: hello you\n"
        "[!OP:USER]: !!exit\nexit...\n"
    )


def test_a_named_template_shows_its_roles_and_writes_its_prompt() -> None:
    done = piped("a\n", "--engine", "echo", "--conv-template", "raw", "--debug")
    assert b"'conv_template': 'raw', 'prompt': 'a'" in done.stdout
    done = piped("a\n", "--engine", "echo", "--conv-template", "one_shot")
    assert done.stdout.startswith(b"Human: Assistant: ")


def test_several_lines_are_one_message() -> None:
    done = piped("a\nb\n", "--engine", "echo", "--multiline")
    assert b"ASSISTANT: a b\n" in done.stdout


def test_without_history_nothing_can_be_taken_back() -> None:
    done = piped("a\n!!remove\n", "--engine", "echo", "--no-history")
    assert b"No messages to remove." in done.stdout


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--engine", "echo", "--load-8bit"], "--load-8bit has no meaning for the engine echo"),
        (["--engine", "echo", "--judge-sent-end"], "--judge-sent-end has no meaning"),
        (["--engine", "echo", "--repetition_penalty", "1.1"], "--repetition_penalty has no"),
        (["--engine", "echo", "--mouse"], "--mouse has no meaning in the style simple"),
        (["--style", "programmatic", "--multiline"], "--multiline has no meaning in the style"),
        (["--engine", "echo", "--conv-template", "none"], "unknown --conv-template 'none'"),
        (["--model-path", "nowhere"], "give one of these names"),
        (["--temperature", "-1"], "--temperature: -1.0 is too small"),
        (["--max-new-tokens", "0"], "--max-new-tokens: 0 is too small"),
    ],
)
def test_a_flag_that_makes_no_sense_is_refused_by_name(flags: list[str], says: str) -> None:
    done = piped("a\n", *flags)
    assert done.returncode == 2
    assert says in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_a_reader_that_leaves_is_no_fault() -> None:
    words = " ".join(command("--engine", "echo"))
    script = f"yes hello | head -n 20000 | {words} | head -n 1; echo ${{PIPESTATUS[2]}}"
    done = subprocess.run(["bash", "-c", script], env=ENVIRON, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] in ("0", "1")
    assert done.stderr == ""


def test_told_to_end_it_ends_without_a_traceback(tmp_path: Path) -> None:
    flags = ("--engine", "echo")
    with PseudoTerminal(command(*flags), cwd=tmp_path, environ=ENVIRON) as terminal:
        terminal.until("USER: $")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait() == 128 + signal.SIGTERM
        assert "Traceback" not in terminal.text
