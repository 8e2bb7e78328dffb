"""`fastchat fetch` as a process, and the bar that it shows."""

import io
import os
import subprocess
import sys
from pathlib import Path

from fastchat.terminal.progress import Bar
from tests.running import MODEL, ROOT


def run(*arguments: str, cache: Path | None = None) -> "subprocess.CompletedProcess[str]":
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    if cache is not None:
        environ["FASTCHAT_CACHE"] = str(cache)
    command = [sys.executable, "-m", "fastchat", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True)


def test_what_is_there_is_not_fetched_again(smollm2_path: Path) -> None:
    done = run("fetch", MODEL, "--verify")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{MODEL} is in {smollm2_path}\n"


def test_a_name_that_is_none_is_told_the_names() -> None:
    done = run("fetch", "nothing")
    assert done.returncode == 2
    assert f"choose from '{MODEL}'" in done.stderr


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("fetch", cache=tmp_path / "file")
    assert done.returncode == 2
    assert "cannot be kept in" in done.stderr
    assert "FASTCHAT_CACHE" in done.stderr
    assert "Traceback" not in done.stderr


def test_models_tells_what_is_not_fetched_yet(tmp_path: Path) -> None:
    done = run("models", "--api", "http://127.0.0.1:9", cache=tmp_path)
    assert f"{MODEL}  not fetched (93 MB to download): `fastchat fetch {MODEL}`" in done.stdout


def test_version_names_the_engines() -> None:
    done = run("version")
    assert done.returncode == 0
    for expected in ("fastchat ", "Python ", "engine echo ", "engine llama_cpp     xllamacpp 20"):
        assert expected in done.stdout


def test_the_bar_appears_with_the_first_byte_only() -> None:
    out = io.StringIO()
    with Bar(out, "m") as bar:
        assert out.getvalue() == ""
        bar.update(1_000_000, 93_000_000)
        bar.update(93_000_000, 93_000_000)
    assert out.getvalue() == "Fetching m: 93 MB\n"
