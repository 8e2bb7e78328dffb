"""Completion in a real bash; zsh and fish are written from the same table."""

import json
import shutil
import subprocess

import pytest

from fastchat.serve import commands
from fastchat.serve.completion import table
from fastchat.terminal.completion import SHELLS, Command

TABLE = table()


def complete(*words: str) -> list[str]:
    """What bash offers for the last word."""
    script = (
        f"{SHELLS['bash'](TABLE)}\nCOMP_WORDS=({' '.join(map(json.dumps, words))}); "
        'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _fastchat; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_every_command_is_in_the_table_with_its_flags() -> None:
    assert list(TABLE) == list(commands())
    assert all(one.flags for one in TABLE.values())


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("fastchat", "co"), ["completion", "config", "controller"]),
        (("fastchat", "cli", "--sty"), ["--style"]),
        (("fastchat", "cli", "--style", ""), ["programmatic", "rich", "simple"]),
        (("fastchat", "cli", "--style", "r"), ["rich"]),
        (("fastchat", "cli", "--model-path", ""), []),
        (("fastchat", "cli", "--mouse", "--deb"), ["--debug"]),
        (
            ("fastchat", "openai-api-server", "--controller"),
            ["--controller-address", "--controller"],
        ),
        (("fastchat", "completion", ""), ["-h", "--help", "bash", "fish", "zsh"]),
        (("fastchat", "fetch", "smol"), ["smollm2-135m-instruct"]),
        (("fastchat", "nothing", "--"), []),
    ],
)
def test_bash_offers_commands_flags_and_values(words: tuple[str, ...], offered: list[str]) -> None:
    assert complete(*words) == offered


def test_bash_takes_the_script_as_it_is_sourced() -> None:
    script = f"{SHELLS['bash'](TABLE)}\ncomplete -p fastchat"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "complete -o default -F _fastchat fastchat\n"


@pytest.mark.parametrize("shell", ["fish", "zsh"])
def test_other_shells_know_every_command_and_flag(shell: str) -> None:
    script = SHELLS[shell](TABLE)
    names = [
        spelled.lstrip("-")
        for command in TABLE.values()
        for one in command.flags
        for spelled in one.names
    ]
    assert [name for name in (*TABLE, *names) if name not in script] == []


@pytest.mark.parametrize("shell", ["fish", "zsh"])
def test_other_shells_can_read_their_script(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n"], input=SHELLS[shell](TABLE), text=True, check=True)


def test_quotes_in_a_text_stay_in_it() -> None:
    odd = {"odd": Command(summary="it's [1]: a \\ test", flags=[])}
    assert "-d 'it\\'s [1]: a \\\\ test'" in SHELLS["fish"](odd)
    assert "'odd:it'\\''s [1]: a \\ test'" in SHELLS["zsh"](odd)
