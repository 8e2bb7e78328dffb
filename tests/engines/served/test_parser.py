"""vLLM's own parser, in its own interpreter, reads what its worker would run."""

import json
import os
import subprocess
from typing import Any

import pytest

from fastchat.engines.served import ROWS, Options
from fastchat.engines.served.command import command
from tests.running import ROOT
from tools.engine_facts import OUT, VLLM_PARSER, asked

pytestmark = pytest.mark.engines

KEPT = ("model", "host", "port", "served_model_name", "tensor_parallel_size", "trust_remote_code")


def test_vllm_reads_its_command_line() -> None:
    given = Options(
        row=ROWS["vllm"],
        names=("a", "b"),
        model="/m",
        num_gpus=2,
        trust_remote_code=True,
        context_length=4096,
        arguments=("--max-num-seqs", "32", "--gpu-memory-utilization", "0.9"),
    )
    told = parsed(*command(given, 1234, "secret").argv[3:])
    assert [told[name] for name in KEPT] == ["/m", "127.0.0.1", 1234, ["a", "b"], 2, True]
    assert (told["max_model_len"], told["max_num_seqs"]) == (4096, 32)
    assert told["gpu_memory_utilization"] == 0.9


def test_the_flags_on_file_are_those_of_this_parser() -> None:
    on_file = json.loads((OUT / "vllm.json").read_text())["flags"]
    assert asked(VLLM_PARSER, os.environ["VLLM_PYTHON"]) == on_file


def parsed(*words: str) -> dict[str, Any]:
    told = "import json, sys; print(json.dumps(vars(parser.parse_args(sys.argv[1:])), default=str))"
    argv = [os.environ["VLLM_PYTHON"], "-c", VLLM_PARSER + told, *words]
    done = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))
