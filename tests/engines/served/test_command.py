import sys
from pathlib import Path

import pytest

from fastchat.core.errors import ConfigError
from fastchat.engines.served import ROWS, Options
from fastchat.engines.served.command import command, slots

STARTED = [row for row in ROWS.values() if row.program]


def _options(engine: str, *arguments: str, **values: object) -> Options:
    given = {"row": ROWS[engine], "names": ("a", "b"), "model": "/m", "arguments": arguments}
    return Options(**(given | values))  # type: ignore[arg-type]  # what a test wants to differ


def test_the_command_of_vllm() -> None:
    options = _options("vllm", "--max-model-len", "8192", num_gpus=2, trust_remote_code=True)
    made = command(options, 1234, "secret")
    assert str(made) == (
        f"{sys.executable} -m vllm.entrypoints.openai.api_server --model /m --host 127.0.0.1 "
        "--port 1234 --served-model-name a b --tensor-parallel-size 2 --trust-remote-code "
        "--max-model-len 8192"
    )
    assert made.environment == {"VLLM_API_KEY": "secret"}


def test_the_command_of_lmdeploy_names_the_model_first() -> None:
    made = str(command(_options("lmdeploy", context_length=4096), 1234, ""))
    assert "lmdeploy serve api_server /m --server-name 127.0.0.1 --server-port 1234" in made
    assert made.endswith("--model-name a --session-len 4096")


def test_the_context_of_lightllm_holds_for_its_prompts() -> None:
    made = str(command(_options("lightllm", context_length=4096), 1234, ""))
    assert made.endswith("--max_req_total_len 4096 --max_req_input_len 4095")


@pytest.mark.parametrize("row", STARTED, ids=lambda row: row.name)
def test_no_secret_of_ours_reaches_an_engine(row: object) -> None:
    environment = {"FASTCHAT_CLUSTER_TOKEN": "x", "HF_HOME": "/h", "PYTHONPATH": "/p"}
    options = _options(row.name, environment=environment, python=Path(sys.executable))  # type: ignore[attr-defined]
    made = command(options, 1, "k")
    assert made.environment["HF_HOME"] == "/h"
    assert not {"FASTCHAT_CLUSTER_TOKEN", "PYTHONPATH"} & made.environment.keys()
    assert "k" not in made.argv


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("--host=0.0.0.0", "--host is not for the engine"),
        ("--port", "the worker's is --port"),
        ("--served_model_name", "say --model-names"),
        ("--api-key", "makes a key"),
        ("--api-keys", "makes a key"),
        ("--limit-worker-concurency", "did you mean --limit-worker-concurrency"),
    ],
)
def test_what_the_worker_decides_is_not_decided_twice(word: str, remedy: str) -> None:
    with pytest.raises(ConfigError, match=remedy):
        command(_options("vllm", word, "x"), 1, "")


def test_an_old_flag_becomes_what_it_is_called_now() -> None:
    assert "--enable-multimodal" in command(_options("sglang", "--multimodal"), 1, "").argv


def test_an_environment_stands_for_its_interpreter(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    made = command(_options("vllm", python=tmp_path), 1, "")
    assert made.argv[0] == str(tmp_path / "bin" / "python")
    with pytest.raises(ConfigError, match="no interpreter"):
        command(_options("vllm", python=tmp_path / "nowhere"), 1, "")


def test_an_engine_takes_what_it_was_told_to() -> None:
    assert slots(_options("vllm")) == 256
    assert slots(_options("vllm", "--max-num-seqs", "32")) == 32
    assert slots(_options("vllm", "--max_num_seqs=64", "--max-num-seqs", "16")) == 16
    assert slots(_options("vllm", "--max-num-seqs", "32", slots=8)) == 8


@pytest.mark.parametrize(
    "values",
    [{"num_gpus": 2}, {"python": Path("/x")}, {"trust_remote_code": True}],
    ids=["num_gpus", "python", "trust"],
)
def test_what_only_a_child_can_be_told_is_refused_for_a_remote_engine(
    values: dict[str, object],
) -> None:
    with pytest.raises(ConfigError, match="no meaning with --engine-url"):
        _options("vllm", url="http://h:1", **values)


def test_an_engine_that_cannot_be_started_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="--engine-url"):
        _options("tgi")
    with pytest.raises(ConfigError, match="--model-path"):
        _options("vllm", model=None)
    with pytest.raises(ConfigError, match="--num-gpus has no meaning for MLX"):
        command(_options("mlx", num_gpus=2), 1, "")
