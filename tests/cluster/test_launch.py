"""`launch_all_serve` and `shutdown_serve`, as real processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastchat.cluster.birth import birth
from fastchat.cluster.launch import LaunchConfig, launch
from fastchat.cluster.launched import (
    STATE_FILE,
    Launched,
    LaunchedFile,
    ShutdownConfig,
    end,
    shutdown,
)
from fastchat.core.config import parse
from fastchat.core.errors import ConfigError
from tests.running import ROOT, ask, free_ports

OLD_FLAGS = (
    "--model-path-address THUDM/chatglm2-6b@localhost@20002 a/b.gguf@0.0.0.0@20003 "
    "--controller-host localhost --controller-port 21001 --dispatch-method shortest_queue "
    "--worker-host localhost --worker-port 21002 --model-path m --revision main --device cuda "
    "--gpus 0 --num-gpus 1 --max-gpu-memory 13Gib --load-8bit --cpu-offloading --gptq-ckpt c "
    "--gptq-wbits 4 --gptq-groupsize 128 --gptq-act-order --model-names a,b "
    "--limit-worker-concurrency 5 --stream-interval 2 --no-register --server-host localhost "
    "--server-port 8001 --allow-credentials --api-keys k1,k2"
)
SLEEPER = [sys.executable, "-c", "import sys; sys.stdin.read()"]


def test_the_old_flags_parse() -> None:
    config = parse(LaunchConfig, OLD_FLAGS.split(), environ={})
    assert config.model_path_address[1] == "a/b.gguf@0.0.0.0@20003"
    assert config.api_keys == ("k1", "k2")
    assert parse(ShutdownConfig, ["--down", "model_worker"], environ={}).down == "model_worker"


def run(command: str, folder: Path, *flags: str) -> "subprocess.CompletedProcess[str]":
    """In this folder, as a user would."""
    argv = [sys.executable, "-m", f"fastchat.serve.{command}", *flags]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=100
    )


def test_what_was_launched_answers_and_is_shut_down(tmp_path: Path, smollm2_path: Path) -> None:
    controller, worker, api = free_ports(3)
    launched = run(
        "launch_all_serve",
        tmp_path,
        *("--model-path-address", f"{smollm2_path}@127.0.0.1@{worker}"),
        *("--controller-host", "127.0.0.1", "--controller-port", str(controller)),
        *("--server-host", "127.0.0.1", "--server-port", str(api)),
        *("--limit-worker-concurrency", "1", "--api-keys", "sk-1", "--gpus", "0"),
    )
    running = LaunchedFile(tmp_path / "logs").running()
    try:
        assert launched.returncode == 0, launched.stderr
        assert "openai_api_server running" in launched.stdout
        assert [one.server for one in running] == [
            "controller",
            "model_worker",
            "openai_api_server",
        ]
        assert not any("sk-1" in _command(one.pid) for one in running)
        seen = Path(f"/proc/{running[1].pid}/environ").read_bytes().split(b"\0")
        assert b"CUDA_VISIBLE_DEVICES=0" in seen
        assert ask(f"http://127.0.0.1:{api}/v1/models")[0] == 401
    finally:
        down = run("shutdown_serve", tmp_path, "--down", "all")
    assert "all has been shutdown!" in down.stdout
    assert not any(one.is_running for one in running)
    assert not (tmp_path / "logs" / STATE_FILE).exists()


def test_one_that_cannot_start_takes_the_others_with_it(tmp_path: Path) -> None:
    controller, worker, api = free_ports(3)
    launched = run(
        "launch_all_serve",
        tmp_path,
        *("--model-path-address", f"/no/such.gguf@127.0.0.1@{worker}"),
        *("--controller-host", "127.0.0.1", "--controller-port", str(controller)),
        *("--server-port", str(api)),
    )
    assert launched.returncode == 2
    assert "model_worker ended with status 2:" in launched.stderr
    assert "such.gguf" in launched.stderr
    pid = int(launched.stdout.split("process ")[1].split(",")[0])
    assert birth(pid) is None
    assert LaunchedFile(tmp_path / "logs").running() == []


@pytest.mark.parametrize("item", ["m", "m@h", "m@h@x", "@h@1", "m@@1"])
def test_an_address_that_is_none_is_refused_before_anything_starts(
    tmp_path: Path, item: str
) -> None:
    with pytest.raises(ConfigError, match="model-path@host@port"):
        launch(LaunchConfig(model_path_address=(item,), logdir=tmp_path), {}, lambda line: None)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_only_has_the_same_number_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen(SLEEPER, stdin=subprocess.PIPE)
    try:
        mine = Launched(server="controller", pid=other.pid, birth="another", log="x")
        LaunchedFile(tmp_path).write([mine])
        shutdown(ShutdownConfig(logdir=tmp_path), lambda line: None)
        end(mine, grace_s=0)
        assert other.poll() is None
    finally:
        other.communicate()


def test_only_the_named_servers_end(tmp_path: Path) -> None:
    processes = [subprocess.Popen(SLEEPER, stdin=subprocess.PIPE) for _ in range(2)]
    try:
        LaunchedFile(tmp_path).write(
            [
                Launched(server=server, pid=process.pid, birth=birth(process.pid) or "", log="x")
                for server, process in zip(("controller", "model_worker"), processes, strict=True)
            ]
        )
        shutdown(ShutdownConfig(down="model_worker", logdir=tmp_path), lambda line: None)
        assert processes[1].wait(10) != 0
        assert processes[0].poll() is None
        assert [one.server for one in LaunchedFile(tmp_path).running()] == ["controller"]
    finally:
        for process in processes:
            process.communicate()


def test_a_file_of_garbage_is_named(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_text("nonsense")
    with pytest.raises(ConfigError, match=STATE_FILE):
        shutdown(ShutdownConfig(logdir=tmp_path), lambda line: None)


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()
