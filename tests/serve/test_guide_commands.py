"""The command lines of the guide, as printed, for the commands that exist."""

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from fastchat.controller.config import ControllerConfig
from fastchat.core.config import parse
from fastchat.core.errors import ConfigError
from fastchat.engines.loading import load_engine
from fastchat.gateway.config import GatewayConfig
from fastchat.terminal.local_chat import CliConfig
from fastchat.terminal.one_message import MessageConfig
from fastchat.worker.config import WorkerConfig

CONFIGS: dict[str, type[Any]] = {
    "controller": ControllerConfig,
    "model_worker": WorkerConfig,
    "openai_api_server": GatewayConfig,
    "test_message": MessageConfig,
    "cli": CliConfig,
}

LINES = [
    "cli --model-path lmsys/vicuna-7b-v1.5 --device cuda",
    "cli --model lmsys/vicuna-7b-v1.5 --num-gpus 2 --max-gpu-memory 8GiB --load-8bit "
    "--cpu-offloading --dtype float16 --revision main --gpus 0,1",
    "cli --conv-template vicuna_v1.1 --conv-system-msg hi --temperature 0.7 "
    "--repetition_penalty 1.0 --max-new-tokens 512 --no-history --style rich --multiline --mouse "
    "--judge-sent-end --debug",
    "cli --gptq-ckpt f --gptq-wbits 4 --gptq-groupsize 128 --gptq-act-order --awq-ckpt f "
    "--awq-wbits 4 --awq-groupsize 128",
    "cli --enable-exllama --exllama-max-seq-len 4096 --exllama-gpu-split 18,24 "
    "--exllama-cache-8bit --enable-xft --xft-max-seq-len 4096 --xft-dtype bf16_fp16",
    "controller --host 0.0.0.0 --port 21001",
    "controller --port 21001",
    "controller",
    "controller --dispatch-method shortest_queue",
    "controller --dispatch-method lottery",
    "model_worker --model-path lmsys/vicuna-7b-v1.5 --controller http://localhost:21001 "
    "--worker http://localhost:31000 --host 0.0.0.0 --port 31000",
    "model_worker --model-path lmsys/vicuna-7b-v1.5 --controller http://localhost:21001 "
    "--worker http://localhost:31000 --port 31000",
    "model_worker --model-path lmsys/vicuna-7b-v1.5 --controller http://localhost:21001",
    "model_worker --model-path lmsys/vicuna-13b-v1.5 --load-8bit --controller "
    "http://localhost:21001 --worker http://localhost:31000 --port 31000",
    "model_worker --model-path TheBloke/vicuna-13B-v1.5-GPTQ --gptq wbits=4 groupsize=128 "
    "--controller http://localhost:21001 --worker http://localhost:31000 --port 31000",
    "model_worker --model-path TheBloke/vicuna-13B-v1.5-GPTQ --gptq-wbits 4 --gptq-groupsize 128",
    "model_worker --model-path lmsys/vicuna-33b-v1.3 --load-8bit --cpu-offloading "
    "--controller http://localhost:21001 --worker http://localhost:31000 --port 31000",
    "model_worker --model-path m --limit-worker-concurrency 10 --controller http://c --port 1",
    "model_worker --model-path m --stream-interval 1 --controller http://c --port 1",
    "model_worker --model-path m --num-gpus 2 --max-gpu-memory 13Gib",
    "model_worker --model-path lmsys/vicuna-7b-v1.5 --conv-template vicuna_v1.1 "
    "--controller http://localhost:21001",
    "model_worker --model-path m --worker-address http://h:31000 --controller-address http://c",
    "model_worker --model-path m --device cuda --model-names a,b",
    "openai_api_server --controller-address http://localhost:21001 --host 0.0.0.0 --port 8000",
    "openai_api_server --controller-address http://localhost:21001 --port 8000",
    "openai_api_server --controller-address http://localhost:21001 --api-keys key1 key2 key3 "
    "--port 8000",
    "openai_api_server --api-keys key1,key2,key3",
    "openai_api_server --allow-credentials --allowed-origins '[\"http://a\"]' "
    "--allowed-methods '[\"*\"]' --allowed-headers '[\"*\"]'",
    "test_message --model-name vicuna-7b-v1.5",
    "test_message --model-name m --controller-address http://c --worker-address http://w "
    "--temperature 0.5 --max-new-tokens 8 --message hi",
]


def parsed(line: str) -> Any:
    name, *argv = shlex.split(line)
    return parse(CONFIGS[name], argv, environ={})


def load(line: str) -> None:
    load_engine(parsed(line), names=["m"], slots=1)


@pytest.mark.parametrize("line", LINES)
def test_a_command_line_of_the_guide_parses(line: str) -> None:
    assert parsed(line)


def test_the_values_arrive() -> None:
    worker = parsed(next(line for line in LINES if line.startswith("model_worker")))
    assert (worker.address, worker.controller_address, worker.host) == (
        "http://localhost:31000",
        "http://localhost:21001",
        "0.0.0.0",
    )
    assert parsed("openai_api_server --api-keys key1 key2 key3").api_keys == (
        "key1",
        "key2",
        "key3",
    )
    assert parsed("openai_api_server --api-keys key1,key2").api_keys == ("key1", "key2")
    assert parsed("model_worker --gptq wbits=4 groupsize=128").gptq == ("wbits=4", "groupsize=128")


def test_the_defaults_are_the_guides() -> None:
    worker = parsed("model_worker")
    assert (worker.port, worker.address) == (21002, "http://localhost:21002")
    assert (worker.limit_worker_concurrency, worker.stream_interval) == (5, 2)
    assert parsed("model_worker --port 31000").address == "http://localhost:31000"
    assert parsed("controller").dispatch_method == "lottery"
    assert (parsed("controller").port, parsed("openai_api_server").port) == (21001, 8000)


@pytest.mark.parametrize(
    "flags",
    [
        "--load-8bit",
        "--device cuda",
        "--seed 1",
        "--cpu-offloading",
        "--gptq wbits=4",
        "--gptq-wbits 4",
        "--num-gpus 2",
    ],
)
def test_a_flag_that_the_engine_cannot_honour_is_refused_by_name(flags: str) -> None:
    with pytest.raises(ConfigError, match=flags.split()[0]):
        load(f"model_worker --engine echo {flags}")


def test_a_checkpoint_is_for_the_engine_that_has_an_extra_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigError, match=r"needs torch .*pip install 'fschat\[model_worker\]'"):
        load(f"model_worker --model-path {tmp_path}")


@pytest.mark.parametrize(
    "line",
    [
        "controller --port 65536",
        "controller --heart-beat-expiration-s 0",
        "controller --worker-timeout-s -1",
        "model_worker --heart-beat-interval-s 0",
        "model_worker --controller-address nonsense",
        "model_worker --worker-address localhost:1",
        "model_worker --limit-worker-concurrency 0",
        "model_worker --limit-worker-queue -1",
        "model_worker --stream-interval 0",
        "model_worker --drain-s nan",
        "model_worker --threads 0",
        "model_worker --context-length -5",
        "openai_api_server --max-body-bytes -5",
        "openai_api_server --worker-timeout-s inf",
        "test_message --model-name m --max-new-tokens 0",
    ],
)
def test_an_impossible_value_is_refused_with_a_remedy(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parsed(line)
    _, flag, value = line.rsplit(" ", 2)
    said = capsys.readouterr().err
    assert flag in said
    assert value.removeprefix("-") in said
    assert "give" in said


def test_a_model_in_the_other_form_is_refused_with_the_remedy(
    tmp_path: Path, smollm2_path: Path
) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"is a GGUF file.* leave --engine out"):
        load(f"model_worker --model-path {smollm2_path} --engine transformers")
    with pytest.raises(ConfigError, match="holds no GGUF file"):
        load(f"model_worker --model-path {tmp_path} --engine llama_cpp")


def test_the_device_may_be_left_to_the_engine_in_words() -> None:
    assert parsed("model_worker --device auto") == parsed("model_worker")
