import subprocess
import sys
from pathlib import Path

SPEAK = (
    "import logging, pathlib, sys;"
    "from fastchat.core.logging import configure;"
    "configure('x.log', logdir=pathlib.Path(sys.argv[1]) if sys.argv[1] else None);"
    "logging.getLogger('speaker').info('hello')"
)


def speak(
    logdir: str, stderr: int | object = subprocess.PIPE
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", SPEAK, logdir],
        stderr=stderr,  # type: ignore[arg-type]  # a file, or PIPE
        text=True,
        check=True,
    )


def test_a_line_goes_to_standard_error_and_to_the_file(tmp_path: Path) -> None:
    said = speak(str(tmp_path / "new")).stderr
    assert said.endswith(" | INFO | speaker | hello\n")
    assert (tmp_path / "new" / "x.log").read_text() == said


def test_without_a_folder_there_is_no_file(tmp_path: Path) -> None:
    assert "hello" in speak("").stderr
    assert list(tmp_path.iterdir()) == []


def test_when_standard_error_is_the_file_lines_are_written_once(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with log.open("w") as out:
        speak(str(tmp_path), stderr=out)
    assert log.read_text().count("hello") == 1
