from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from fastchat.cluster.plan import ProcessSpec, address, plan
from fastchat.cluster.platform import ApiSpec, ControllerSpec, ModelSpec, PageSpec, Platform
from fastchat.core.config import parse, read
from fastchat.engines.served import ROWS
from fastchat.worker.config import WorkerConfig
from fastchat.worker.served_config import SERVED, OpenaiWorkerConfig, VllmWorkerConfig


def flags(spec: ProcessSpec) -> dict[str, str]:
    return {a: b for a, b in pairwise(spec.argv) if a.startswith("--")}


def test_the_default_platform_is_four_processes() -> None:
    controller, worker, api, page = plan(Platform(), python="py")
    assert controller.argv == (
        *("py", "-m", "fastchat.serve.controller", "--host", "127.0.0.1", "--port", "21001"),
        *("--dispatch-method", "lottery"),
    )
    assert worker.argv == (
        *("py", "-m", "fastchat.serve.model_worker"),
        *("--model-path", "smollm2-135m-instruct", "--engine", "auto"),
        *("--controller-address", "http://127.0.0.1:21001"),
        *("--worker-address", "http://127.0.0.1:31000", "--host", "127.0.0.1", "--port", "31000"),
    )
    assert api.argv == (
        *("py", "-m", "fastchat.serve.openai_api_server"),
        *("--controller-address", "http://127.0.0.1:21001", "--host", "127.0.0.1"),
        *("--port", "8000", "--log-requests"),
    )
    assert page.argv == (
        *("py", "-m", "fastchat.serve.gradio_web_server"),
        *("--controller-address", "http://127.0.0.1:21001", "--host", "127.0.0.1"),
        *("--port", "7860"),
    )
    assert [spec.ready_url for spec in (controller, worker, api, page)] == [
        "http://127.0.0.1:21001/test_connection",
        "http://127.0.0.1:31000/ready",
        "http://127.0.0.1:8000/ready",
        "http://127.0.0.1:7860/health",
    ]


def test_all_wait_for_the_controller() -> None:
    controller, *others = plan(Platform())
    assert controller.depends_on == ()
    assert [spec.depends_on for spec in others] == [("controller",)] * 3


def test_a_platform_may_have_no_page() -> None:
    platform = Platform(page=PageSpec(enabled=False), api=ApiSpec(port=7860))
    assert [spec.role for spec in plan(platform)] == ["controller", "worker", "api"]


def test_a_page_may_have_all_tabs() -> None:
    *_, page = plan(Platform(page=PageSpec(arena=True)), python="py")
    assert page.argv[:3] == ("py", "-m", "fastchat.serve.gradio_web_server_multi")
    assert (page.name, page.role) == ("gradio_web_server_multi", "page")


def test_every_replica_is_a_worker_with_its_own_port_and_devices() -> None:
    model = ModelSpec(path="a", replicas=2, gpus=((0, 1), (2,)), environment={"X": "1"})
    _, first, second, *_ = plan(Platform(models=(model,)))
    assert (first.name, second.name) == ("model_worker_31000", "model_worker_31001")
    assert first.environment == {"X": "1", "CUDA_VISIBLE_DEVICES": "0,1"}
    assert second.environment == {"X": "1", "CUDA_VISIBLE_DEVICES": "2"}
    assert flags(second)["--worker-address"] == second.address == "http://127.0.0.1:31001"
    assert second.declared == "[[models]] number 1"


def test_what_is_declared_for_a_model_reaches_its_worker() -> None:
    model = ModelSpec(
        path="/models/a",
        names=("a", "b"),
        engine="echo",
        concurrency=7,
        threads=2,
        conv_template="one_shot",
        arguments=("--device", "cpu"),
    )
    _, worker, *_ = plan(Platform(models=(model,)))
    assert flags(worker) | {
        "--model-path": "/models/a",
        "--model-names": "a,b",
        "--engine": "echo",
        "--limit-worker-concurrency": "7",
        "--threads": "2",
        "--conv-template": "one_shot",
    } == flags(worker)
    assert worker.argv[-2:] == ("--device", "cpu")


def test_a_file_name_with_blanks_is_one_name() -> None:
    platform = Platform(models=(ModelSpec(path="My Model, tuned.gguf"),))
    _, worker, *_ = plan(platform)
    words = worker.argv[worker.argv.index("--model-path") :]
    config = parse(WorkerConfig, list(words), environ={})
    assert config.served_names == platform.models[0].served_names == ("My Model, tuned",)


def test_an_engine_of_its_own_process_has_its_own_worker() -> None:
    model = ModelSpec(
        path="Qwen/Qwen3-8B",
        engine="vllm",
        engine_python="~/vllm",
        replicas=2,
        gpus=((0, 1), (2,)),
        arguments=("--max-model-len", "8192"),
    )
    _, first, second, *_ = plan(Platform(models=(model,)))
    assert (first.name, first.entry_point) == ("model_worker_31000", "vllm_worker")
    config = read(VllmWorkerConfig, first.argv[3:], environ={})
    assert (config.model_path, config.num_gpus) == ("Qwen/Qwen3-8B", 2)
    assert config.engine_python == Path("~/vllm")
    assert config.engine_arguments == ("--max-model-len", "8192")
    assert config.served_names == model.served_names == ("Qwen3-8B",)
    assert "--num-gpus" not in second.argv
    assert (first.weights, second.environment) == (None, {"CUDA_VISIBLE_DEVICES": "2"})


def test_a_server_that_runs_already_is_only_asked() -> None:
    model = ModelSpec(path="llama3.2", engine="openai", engine_url="http://gpu7:11434")
    _, worker, *_ = plan(Platform(models=(model,)))
    config = read(OpenaiWorkerConfig, worker.argv[3:], environ={})
    assert (config.engine_url, config.engine_model) == ("http://gpu7:11434", "llama3.2")
    assert config.model_path is None
    assert config.served_names == model.served_names == ("llama3.2",)


def test_every_row_has_a_worker_to_start() -> None:
    assert {flags.engine for flags in SERVED} == set(ROWS)
    assert all(find_spec(f"fastchat.serve.{name}_worker") is not None for name in ROWS)


def test_further_arguments_come_last_so_that_they_win() -> None:
    platform = Platform(
        controller=ControllerSpec(arguments=("--port", "1")), api=ApiSpec(arguments=("--quiet",))
    )
    controller, _, api, _ = plan(platform)
    assert controller.argv[-2:] == ("--port", "1")
    assert api.argv[-1] == "--quiet"


def test_every_interface_is_reached_by_loopback() -> None:
    assert address("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert address("::", 80) == address("::1", 80) == "http://[::1]:80"
    assert address("box.example", 80) == "http://box.example:80"
