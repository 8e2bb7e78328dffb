import os
import subprocess
import sys
import tomllib
from pathlib import Path

from msgspec import convert

from fastchat.cluster.effective import effective
from fastchat.cluster.platform import Platform, load
from tests.running import ROOT

FILE = """
[controller]
port = 5000
[[models]]
engine = "echo"
names = ["a"]
[[models]]
engine = "echo"
names = ["b"]
replicas = 2
arguments = ["--cluster-token", "hush", "--stream-interval", "1", "--api-key=hush"]
environment = { HF_TOKEN = "hush", HF_HOME = "/data" }
"""


def shown(tmp_path: Path, text: str, **variables: str) -> str:
    file = tmp_path / "platform.toml"
    file.write_text(text)
    return effective(load(file), file, variables)


def test_what_is_shown_means_the_same(tmp_path: Path) -> None:
    text = shown(tmp_path, FILE.replace("hush", "***"))
    assert convert(tomllib.loads(text), Platform) == load(tmp_path / "platform.toml")
    assert convert(tomllib.loads(effective(Platform(), None, {})), Platform) == Platform()


def test_each_value_says_where_it_is_from(tmp_path: Path) -> None:
    lines = [" ".join(line.split()) for line in shown(tmp_path, FILE).splitlines()]
    assert "port = 5000 # platform.toml" in lines
    assert 'host = "127.0.0.1" # default' in lines
    assert lines.count('engine = "echo" # platform.toml') == 2
    assert "# api_keys_file is not set" in lines
    assert "# model_worker_31002 at http://127.0.0.1:31002" in lines


def test_secrets_are_hidden(tmp_path: Path) -> None:
    text = shown(tmp_path, FILE, FASTCHAT_API_KEYS="***")
    assert "hush" not in text
    assert '["--cluster-token", "***", "--stream-interval", "1", "--api-key=***"]' in text
    assert '{ "HF_TOKEN" = "***", "HF_HOME" = "/data" }' in text
    assert "#   FASTCHAT_API_KEYS = ***" in text


def config(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "fastchat", "config", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environ,
        capture_output=True,
        text=True,
    )


def test_the_command_shows_the_example_and_hides_the_environment() -> None:
    done = config(str(ROOT / "examples" / "platform.toml"), FASTCHAT_CLUSTER_TOKEN="hush")
    assert (done.returncode, done.stderr) == (0, "")
    assert "FASTCHAT_CLUSTER_TOKEN = ***" in done.stdout
    assert "hush" not in done.stdout


def test_a_flag_that_a_process_would_refuse_is_told_with_its_table(tmp_path: Path) -> None:
    file = tmp_path / "platform.toml"
    file.write_text(FILE.replace('"1"', '"0"'))
    done = config(str(file))
    assert done.returncode == 2
    assert done.stderr == (
        "error: [[models]] number 2, model_worker_31001: argument --stream-interval: 0 is too "
        "small: give a number of at least 1\n"
    )


def test_flags_are_those_of_the_engines_worker(tmp_path: Path) -> None:
    file = tmp_path / "platform.toml"
    words = '["--max-num-seqs", "8", "--drain-s", "-1"]'
    file.write_text(f'[[models]]\nengine = "vllm"\npath = "m"\narguments = {words}\n')
    assert "model_worker_31000: argument --drain-s: -1.0 is too" in config(str(file)).stderr


def test_a_faulty_file_is_told_as_by_up(tmp_path: Path) -> None:
    file = tmp_path / "platform.toml"
    file.write_text("[controller]\nprot = 1\n")
    done = config(str(file))
    assert done.returncode == 2
    assert "unknown key prot" in done.stderr
