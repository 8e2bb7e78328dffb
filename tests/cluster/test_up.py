import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fastchat.cluster.platform import Platform, load
from fastchat.cluster.up import UpConfig, can_draw, declared, up, without_page
from fastchat.core.config import environment, parse, state_folder
from fastchat.core.errors import ConfigError
from tests.cluster.processes import SERVE

# Stands for all three servers: listens on its --port and shows what it was given.
SERVER = (
    """
import os, sys
print(sys.argv[1:], "FASTCHAT_API_KEYS" in os.environ, flush=True)
if "--api-keys-file" in sys.argv:
    print("keys:", open(sys.argv[-1]).read().split(), flush=True)
sys.argv[1] = sys.argv[sys.argv.index("--port") + 1]
"""
    + SERVE
)


class Impatient(io.StringIO):
    """A user who presses Ctrl-C as soon as everything runs."""

    def write(self, text: str) -> int:
        if "Press Ctrl-C" in text:
            os.kill(os.getpid(), signal.SIGINT)
        return super().write(text)


@pytest.fixture
def config(tmp_path: Path, free_port: Callable[[], int]) -> UpConfig:
    (tmp_path / "platform.toml").write_text(
        f"""
        controller.port = {free_port()}
        page.enabled = false
        [api]
        port = {free_port()}
        api_keys_file = "{tmp_path}/keys"
        [[models]]
        path = "{tmp_path}/small.gguf"
        port = {free_port()}
        """
    )
    (tmp_path / "small.gguf").write_bytes(b"GGUF")
    (tmp_path / "keys").write_text("sk-one\n")
    return UpConfig(served=(str(tmp_path / "platform.toml"),), logdir=tmp_path / "logs")


@pytest.fixture
def servers(tmp_path: Path) -> dict[str, str]:
    """An environment whose `fastchat.serve` holds small servers."""
    folder = tmp_path / "fakes" / "fastchat" / "serve"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder):  # what has no such file loses to what is installed
        (package / "__init__.py").touch()
    for name in ("controller", "model_worker", "openai_api_server"):
        (folder / f"{name}.py").write_text(SERVER)
    return environment() | {
        "PYTHONPATH": str(tmp_path / "fakes"),
        "PYTHONSAFEPATH": "1",
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


def test_the_platform_runs_until_ctrl_c(
    config: UpConfig, servers: dict[str, str], tmp_path: Path
) -> None:
    out = Impatient()
    up(config, servers | {"FASTCHAT_API_KEYS": "sk-two"}, out)
    first, *ready, _ = out.getvalue().split("\n", 4)
    assert first == "Starting 3 processes"
    assert all(" ready at http://127.0.0.1:" in line for line in ready)
    assert "\nModels      small\n" in out.getvalue()
    assert out.getvalue().endswith("\nStopped.\n")
    assert "sk-" not in out.getvalue()
    arguments, keys = (tmp_path / "logs" / "openai_api_server.log").read_text().splitlines()
    assert arguments.endswith(" False")
    assert "sk-" not in arguments
    assert keys == "keys: ['sk-one', 'sk-two']"


def test_a_flag_moves_the_api_server(config: UpConfig, free_port: Callable[[], int]) -> None:
    port = free_port()
    moved = UpConfig(served=config.served, logdir=config.logdir, port=port)
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(ConfigError, match=f"the port {port} that openai_api_server wants is taken"),
    ):
        up(moved, {}, io.StringIO())


def test_a_flag_that_is_no_port_is_refused() -> None:
    with pytest.raises(ConfigError, match="--port must be a number from 1 to 65535"):
        UpConfig(port=65536)


def test_a_flag_cannot_move_it_onto_another_port_of_the_file(config: UpConfig) -> None:
    port = load(Path(config.served[0])).controller.port
    same = UpConfig(served=config.served, logdir=config.logdir, port=port)
    with pytest.raises(ConfigError, match=r"--port \d+: \[controller\] and \[api\] both want"):
        up(same, {}, io.StringIO())


def test_an_empty_key_file_does_not_open_the_door(config: UpConfig, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("\n")
    with pytest.raises(ConfigError, match=r"api_keys_file .*keys in \[api\] is empty"):
        up(config, {"FASTCHAT_API_KEYS": "sk-two"}, io.StringIO())


def test_a_key_file_that_is_not_there_is_named(config: UpConfig, tmp_path: Path) -> None:
    (tmp_path / "keys").unlink()
    with pytest.raises(ConfigError, match=r"cannot read api_keys_file .*keys in \[api\]"):
        up(config, {}, io.StringIO())


def test_a_log_folder_that_cannot_be_made_is_named(config: UpConfig, tmp_path: Path) -> None:
    blocked = UpConfig(served=config.served, logdir=tmp_path / "keys" / "logs")
    with pytest.raises(ConfigError, match=r"cannot make the log folder .*set --logdir"):
        up(blocked, {}, io.StringIO())


def test_models_can_be_named_instead_of_a_file(config: UpConfig, tmp_path: Path) -> None:
    """Said by the first thing that is missing: nothing is started for it."""
    named = UpConfig(served=(f"{tmp_path}/small.gguf", f"{tmp_path}/smal.gguf"))
    platform = declared(named.served)
    assert [model.served_names for model in platform.models] == [("small",), ("smal",)]
    assert platform.worker_ports() == ((31000,), (31001,))


def test_a_file_and_models_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match="give one platform file, or models"):
        declared(("my.toml", "small.gguf"))


@pytest.mark.parametrize("path", ["", " "])
def test_an_empty_path_is_no_model(path: str) -> None:
    with pytest.raises(ConfigError, match="path of a model is empty"):
        declared((path,))


def test_two_models_of_one_name_need_a_file() -> None:
    with pytest.raises(ConfigError, match=r"the model name 'a' stands for .* in a platform file"):
        declared(("x/a.gguf", "y/a.gguf"))


class Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "environ"),
    [(Screen(), {"TERM": "dumb"}), (Screen(), {}), (io.StringIO(), {"TERM": "xterm"})],
)
def test_a_table_needs_a_terminal_that_can_draw(out: io.StringIO, environ: dict[str, str]) -> None:
    assert not can_draw(out, Screen(), environ)


def test_the_file_is_the_one_word_of_the_command_line() -> None:
    assert parse(UpConfig, [], environ={}) == UpConfig()
    assert parse(UpConfig, ["my.toml", "--port", "1"], environ={}) == UpConfig(
        served=("my.toml",), port=1
    )


def test_logs_go_where_the_user_keeps_state() -> None:
    assert state_folder({"XDG_STATE_HOME": "/state"}) == Path("/state/fastchat")
    assert state_folder({}) == Path.home() / ".local/state/fastchat"


def test_the_command_says_what_is_wrong_in_one_line() -> None:
    command = [sys.executable, "-m", "fastchat.serve.up", "none.toml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: cannot read the platform file none.toml: No such file or directory\n"
    )


def test_without_gradio_there_is_no_page_and_a_line_says_why() -> None:
    out = io.StringIO()
    assert not without_page(Platform(), out).page.enabled
    assert out.getvalue() == "No web page: it needs Gradio (pip install 'fschat[webui]').\n"
