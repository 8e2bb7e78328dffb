"""`fastchat COMMAND …`."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fastchat
from fastchat.__main__ import main
from fastchat.serve import commands


@pytest.fixture(autouse=True)
def _process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command changes the argument list of the process and what Ctrl-C does; both come back."""
    monkeypatch.setattr(sys, "argv", ["fastchat"])
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_every_public_module_of_a_folder_is_a_command(tmp_path: Path) -> None:
    for name in ("worker.py", "api.py", "_run.py", "notes.txt"):
        (tmp_path / name).touch()
    assert list(commands(tmp_path)) == ["api", "worker"]


def test_without_a_command_they_are_listed_with_what_they_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main([])
    listed = capsys.readouterr().out
    assert all(f"\n  {name} " in listed for name in commands())
    assert "  Start the controller: `python3 -m fastchat.serve.controller" in listed


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"{fastchat.__version__}\n"


def test_an_unknown_command_gets_the_closest_one_and_the_list(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["contoller"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "unknown command 'contoller' (did you mean controller?)" in error
    assert all(name in error for name in commands())


@pytest.mark.parametrize("spelled", ["openai_api_server", "openai-api-server"])
def test_a_command_reads_its_own_flags(spelled: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([spelled, "--help"])
    assert ended.value.code == 0
    usage = capsys.readouterr().out.splitlines()[0]
    assert usage.startswith("usage: ")
    assert "openai_api_server" in usage
