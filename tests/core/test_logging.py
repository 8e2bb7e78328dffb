import logging
import os
import subprocess
import sys
from pathlib import Path

from fastchat.core.logging import DailyFile

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


FULL = (
    "import logging, pathlib, sys;"
    "from fastchat.core.logging import configure, lost_lines;"
    "configure('x.log', logdir=pathlib.Path(sys.argv[1]));"
    "[logging.getLogger('speaker').info('line %d', n) for n in range(3)];"
    "print(lost_lines())"
)


def test_lines_that_a_full_disk_does_not_take_are_counted_and_told_once(tmp_path: Path) -> None:
    (tmp_path / "x.log").symlink_to("/dev/full")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "3"
    assert done.stderr.count("log lines are lost: No space left on device") == 1
    assert done.stderr.count("| line") == 3  # standard error is another place
    assert "Traceback" not in done.stderr


def filled(path: Path, days: list[str], *, size_bytes: int = 1000, files: int = 2) -> list[str]:
    """What stands in the files after a line on each of these days, the latest file first."""
    left = list(days)
    handler = DailyFile(path, size_bytes=size_bytes, files=files, today=lambda: left[0])
    for day in days:
        handler.emit(logging.makeLogRecord({"msg": f"said on {day}"}))
        left = left[1:] or left
    handler.close()
    return [one.read_text() for one in sorted(path.parent.glob("x.log*"))]


def test_each_day_has_its_file_and_few_are_kept(tmp_path: Path) -> None:
    found = filled(tmp_path / "x.log", ["mon", "mon", "tue", "wed", "thu"])
    assert found == ["said on thu\n", "said on wed\n", "said on tue\n"]


def test_a_day_on_which_much_is_said_does_not_fill_the_disk(tmp_path: Path) -> None:
    found = filled(tmp_path / "x.log", ["mon"] * 100, size_bytes=50)
    assert len(found) == 3
    assert all(len(text) <= 50 for text in found)


def test_a_file_of_an_earlier_day_is_put_aside_first(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("before\n")
    os.utime(path, (0, 0))
    assert filled(path, ["mon"]) == ["said on mon\n", "before\n"]
