"""Chapter 5 of the guide, case by case: what goes wrong, how it shows, what helps."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ops.stage import Stage, process, wait_for
from tests.ops.test_logs import lines
from tests.running import answers, ask, free_ports

pytestmark = pytest.mark.ops

FASTCHAT = (sys.executable, "-m", "fastchat")


@contextmanager
def worker(folder: Path, *flags: str) -> Iterator[str]:
    """The address of a worker with an engine that only echoes."""
    (port,) = free_ports(1)
    flags = ("--engine", "echo", "--model-path", "echo", "--port", str(port), *flags)
    with process(folder, *FASTCHAT, "model-worker", *flags):
        yield f"http://127.0.0.1:{port}"


def said(folder: Path) -> str:
    return "".join(path.read_text() for path in (folder / "logs").glob("model_worker_*.log"))


def asked(said: str) -> dict[str, Sequence[object] | str]:
    return {"model": "m", "messages": [{"role": "user", "content": said}]}


def test_5_1_a_worker_whose_controller_is_not_there_says_so(tmp_path: Path) -> None:
    (nobody,) = free_ports(1)
    with worker(tmp_path, "--controller", f"http://127.0.0.1:{nobody}"):
        wait_for(lambda: "trying again in 5 s" in said(tmp_path))
    assert "Register done" not in said(tmp_path)


def test_5_1_an_address_that_is_not_the_workers_is_refused(stage: Stage, tmp_path: Path) -> None:
    flags = ("--controller", stage.controller, "--worker-address", "http://10.99.99.99:31000")
    with worker(tmp_path, *flags):
        wait_for(lambda: "FASTCHAT_CLUSTER_TOKEN" in said(tmp_path))


def test_5_2_a_request_that_takes_too_long_is_50006(stage: Stage, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    flags = ("--port", str(port), "--controller", stage.controller, "--worker-timeout-s", "1")
    api = f"http://127.0.0.1:{port}"
    with process(tmp_path, *FASTCHAT, "openai-api-server", *flags):
        wait_for(lambda: answers(f"{api}/ready"))
        status, answer = ask(f"{api}/api/v1/chat/completions", asked("[[stall]]"))
        assert (status, answer["code"]) == (504, 50006)
        assert "FASTCHAT_WORKER_API_TIMEOUT" in answer["message"]
    queue = ask(f"http://{stage.addresses['m']}/worker_get_status", {})[1]["queue_length"]
    assert isinstance(queue, int)


def test_5_3_want_of_memory_is_50002_and_the_worker_lives(stage: Stage) -> None:
    status, answer = ask(f"{stage.api}/v1/chat/completions", asked("[[oom]]"))
    assert (status, answer["code"]) == (500, 50002)
    assert ask(f"{stage.api}/v1/chat/completions", asked("again"))[0] == 200
    (counted,) = wait_for(lambda: stage.query('sum(worker_errors_total{error_code="50002"}) > 0'))
    assert float(counted["value"][1]) >= 1


def test_5_4_a_template_can_be_looked_at_and_named(tmp_path: Path) -> None:
    with worker(tmp_path, "--no-register", "--conv-template", "vicuna_v1.1") as url:
        wait_for(lambda: answers(f"{url}/ready"))
        conv = ask(f"{url}/worker_get_conv_template", {})[1]["conv"]
    assert conv["name"] == "vicuna_v1.1"
    assert "Loading the model echo" in said(tmp_path)


def test_prompts_and_keys_stay_out_of_the_logs(stage: Stage) -> None:
    headers = {"authorization": "Bearer sk-this-is-a-secret"}
    ask(f"{stage.api}/v1/chat/completions", asked("a private matter"), headers=headers)
    for name in ("model_worker_*.log", "openai_api_server.log", "controller.log"):
        written = str(lines(stage, name))
        assert "private matter" not in written
        assert "sk-this-is" not in written
