"""`fastchat up`, `status` and `down` as people use them: in terminals, with real processes."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.pseudo_terminal import CTRL_C, PseudoTerminal
from tests.running import ROOT, answers, ask, free_ports

FASTCHAT = (sys.executable, "-m", "fastchat")


@dataclass(frozen=True, kw_only=True)
class Home:
    """A user's machine: `platform` is a file for a platform with a model that needs no loading."""

    folder: Path
    controller: int
    api: int
    worker: int

    @property
    def platform(self) -> str:
        file = self.folder / "platform.toml"
        file.write_text(
            f"controller.port = {self.controller}\napi.port = {self.api}\npage.enabled = false\n"
            f'[[models]]\npath = "parrot"\nengine = "echo"\nport = {self.worker}\n'
        )
        return str(file)

    @property
    def environ(self) -> dict[str, str]:
        return os.environ | {
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "LANG": "C.UTF-8",
        }

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [*FASTCHAT, *words]
        return subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=100
        )

    def terminal(self, *words: str, columns: int = 120) -> PseudoTerminal:
        command = [*FASTCHAT, *words]
        return PseudoTerminal(command, cwd=self.folder, environ=self.environ, columns=columns)

    def asks(self, model: str = "parrot") -> str:
        messages = [{"role": "user", "content": "Polly wants"}]
        chat = {"model": model, "messages": messages, "max_tokens": 40}
        return str(ask(f"http://127.0.0.1:{self.api}/v1/chat/completions", chat)[1])


def user(folder: Path) -> Home:
    controller, api, worker = free_ports(3)
    return Home(folder=folder, controller=controller, api=api, worker=worker)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = user(tmp_path)
    yield home
    home.run("down", "--now")


@pytest.fixture(scope="module")
def background(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A platform in the background, for those who leave it running."""
    home = user(tmp_path_factory.mktemp("background"))
    assert home.run("up", "--detach", home.platform).returncode == 0
    yield home
    home.run("down", "--now")


def test_a_terminal_shows_the_table_until_q_and_is_as_it_was_afterwards(home: Home) -> None:
    script = f'{shlex.join(FASTCHAT)} up "{home.platform}"; echo STATUS $?; stty -a; echo OVER'
    with PseudoTerminal(
        ["sh", "-c", script], cwd=home.folder, environ=home.environ, columns=80
    ) as shell:
        shell.until("Press q or Ctrl-C to stop")
        assert "Polly wants" in home.asks()
        shell.until(rf"model_worker_{home.worker} +ready +\d+ +0/5 +\d+\.\d +parrot")
        assert max(map(len, re.findall("─+", shell.text))) <= 80
        shell.press("q")
        shell.until("OVER")
        assert "Stopped.\nSTATUS 0\n" in shell.text
        assert re.search(r"(?<!-)icanon", shell.text)
        assert re.search(r"(?<!-)echo ", shell.text)


def test_a_file_name_may_hold_blanks_and_its_model_shows_its_speed(
    home: Home, smollm2_path: Path
) -> None:
    (home.folder / "My Model.gguf").symlink_to(smollm2_path)
    platform = Path(home.platform)
    text = platform.read_text().replace("parrot", "My Model.gguf").replace("echo", "auto")
    platform.write_text(text + "threads = 1\n")
    with home.terminal("up", str(platform)) as up:
        up.until("Press q or Ctrl-C to stop")
        assert "'model': 'My Model'" in home.asks("My Model")
        up.until(rf"model_worker_{home.worker} +ready .* (?!0\.0)\d+\.\d +http.* My Model")
        up.press("q")
        assert up.wait() == 0


def test_the_table_shows_a_death_and_the_way_back(home: Home) -> None:
    with home.terminal("up", home.platform) as up:
        ready = up.until(rf"model_worker_{home.worker} +ready +(\d+)")
        up.until("Press q")
        os.kill(int(ready[1]), signal.SIGKILL)
        up.until(rf"model_worker_{home.worker} +again in \d s")
        up.until(rf"model_worker_{home.worker}: was killed by SIGKILL")
        back = up.until(rf"model_worker_{home.worker} +ready +(\d+) +2 ")
        assert back[1] != ready[1]
        up.press(CTRL_C)
        assert up.wait() == 0


def test_plain_lines_come_where_no_table_is_wanted(home: Home) -> None:
    with home.terminal("up", "--plain", home.platform) as up:
        up.until("Press Ctrl-C to stop")
        up.press(CTRL_C)
        assert up.wait() == 0
    assert "tok/s" not in up.text
    assert f"model_worker_{home.worker}  ready at http://127.0.0.1:{home.worker} " in up.text


def test_a_platform_in_the_background_is_found_and_ended(home: Home) -> None:
    started = home.run("up", "--detach", home.platform)
    assert started.returncode == 0, started.stderr
    assert f"API         http://127.0.0.1:{home.api}/v1" in started.stdout
    assert "`fastchat down` ends it" in started.stdout
    assert "Polly wants" in home.asks()
    status = home.run("status")
    assert status.returncode == 0
    assert re.search(rf"model_worker_{home.worker} +ready +\d+ +0/5 .*parrot", status.stdout)
    ended = home.run("down")
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "Stopped.")
    assert not answers(f"http://127.0.0.1:{home.controller}/health")
    assert home.run("status").returncode == 3
    assert list((home.folder / "state" / "fastchat" / "running").iterdir()) == []


@pytest.mark.parametrize("words", [["up"], ["up", "--detach"]])
def test_a_second_start_says_who_runs(background: Home, words: list[str]) -> None:
    second = background.run(*words, background.platform)
    assert second.returncode == 2
    assert re.search(
        rf"error: a platform already runs here \(process \d+, API .*:{background.api}/v1\): "
        "`fastchat status` shows it, `fastchat down` ends it",
        second.stderr,
    )
    assert "Polly wants" in background.asks()


def test_status_goes_on_showing_what_becomes_of_a_process(background: Home) -> None:
    name = f"model_worker_{background.worker}"
    with background.terminal("status", "--watch") as watching:
        worker = watching.until(rf"{name} +ready +(\d+)")
        os.kill(int(worker[1]), signal.SIGKILL)
        watching.until(rf"{name} +(again|starting)")
        watching.until(rf"{name} +ready +(?!{worker[1]})\d+ +2 ")
        watching.press(CTRL_C)
        assert watching.wait() == 0
    assert "Polly wants" in background.asks()  # only the watching has ended


def test_a_killed_supervisor_leaves_no_platform_behind(home: Home) -> None:
    assert home.run("up", "--detach", home.platform).returncode == 0
    with home.terminal("status", "--watch") as watching:
        process = watching.until(r"platform of process (\d+)")
        watching.until("ready")
        os.kill(int(process[1]), signal.SIGKILL)
        assert watching.wait() == 3
        watching.until("does not run any more")
    assert home.run("down").stdout == "No platform of yours runs.\n"
    while answers(f"http://127.0.0.1:{home.worker}/health"):
        pass


def test_a_start_in_the_background_that_fails_says_so(home: Home) -> None:
    platform = Path(home.platform)
    platform.write_text(platform.read_text().replace("parrot", "no-such").replace("echo", "auto"))
    failed = home.run("up", "--detach", str(platform))
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: there is no file or folder 'no-such', and no built-in")
    assert len(failed.stderr.splitlines()) == 1
    assert home.run("status").returncode == 3


def test_ctrl_c_gives_a_start_in_the_background_up(home: Home) -> None:
    platform = Path(home.platform)
    # Its worker listens where nobody asks it whether it is ready.
    platform.write_text(platform.read_text() + "arguments = ['--host', '127.0.0.2']\n")
    with home.terminal("up", "--detach", str(platform)) as up:
        up.until("controller +ready")
        up.press(CTRL_C)
        assert up.wait() == 2
        up.until("nothing runs")
    assert home.run("status").returncode == 3
