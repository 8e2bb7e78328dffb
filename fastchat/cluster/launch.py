"""Controller, workers and API server in the background, as `launch_all_serve` of 0.2.36 did it.

`fastchat up` does more: it watches them. This is for scripts that have the old flags.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from fastchat.cluster.launched import Launched, LaunchedFile, end, start
from fastchat.cluster.plan import address
from fastchat.core.config import flag
from fastchat.core.errors import ConfigError
from fastchat.dispatch.policies import DEFAULT_POLICY, POLICIES
from fastchat.model.weights import DEFAULT_MODEL

LISTENS = b"Uvicorn running on"
LOOK_EVERY_S = 0.2
TAIL_LINES = 15

# Flags that go to the workers as they are, when they were given.
_FOR_WORKERS = (
    "revision",
    "device",
    "num_gpus",
    "max_gpu_memory",
    "load_8bit",
    "cpu_offloading",
    "gptq_ckpt",
    "gptq_wbits",
    "gptq_groupsize",
    "gptq_act_order",
    "model_names",
    "limit_worker_concurrency",
    "stream_interval",
    "no_register",
)


@dataclass(frozen=True, kw_only=True)
class LaunchConfig:
    """Start a controller, one worker for each model and an API server, and leave them running.

    Logs go to ./logs. shutdown_serve, called in the same folder, ends what was started here.

    Example:

        python3 -m fastchat.serve.launch_all_serve --model-path-address a.gguf@localhost@31000
    """

    model_path_address: tuple[str, ...] = flag(
        (), help="model-path@host@port, one for each worker", metavar="PATH@HOST@PORT"
    )
    controller_host: str = flag("localhost", help="address that the controller listens on")
    controller_port: int = flag(21001, help="port of the controller")
    dispatch_method: str = flag(
        DEFAULT_POLICY, help="how a worker is chosen", choices=lambda: list(POLICIES)
    )
    worker_host: str = flag("localhost", help="address of the one worker of --model-path")
    worker_port: int = flag(21002, help="port of the one worker of --model-path")
    model_path: str = flag(DEFAULT_MODEL, help="the model when no --model-path-address is given")
    revision: str | None = flag(None, help="for the workers: revision on the hub")
    device: str | None = flag(None, help="for the workers: where to run")
    gpus: str | None = flag(
        None, help="for the workers: which GPUs they see (CUDA_VISIBLE_DEVICES)", metavar="LIST"
    )
    num_gpus: int = flag(1, help="for the workers: GPUs of each", metavar="N")
    max_gpu_memory: str | None = flag(None, help="for the workers: memory on each GPU")
    load_8bit: bool = flag(False, help="for the workers: 8-bit weights")
    cpu_offloading: bool = flag(False, help="for the workers: with --load-8bit")
    gptq_ckpt: str | None = flag(None, help="for the workers: GPTQ checkpoint", metavar="PATH")
    gptq_wbits: int = flag(16, help="for the workers: GPTQ bits", metavar="BITS")
    gptq_groupsize: int = flag(-1, help="for the workers: GPTQ group size", metavar="N")
    gptq_act_order: bool = flag(False, help="for the workers: GPTQ activation order")
    model_names: tuple[str, ...] = flag((), help="for the workers: names to serve under")
    limit_worker_concurrency: int = flag(5, help="for the workers: requests at once", metavar="N")
    stream_interval: int = flag(2, help="for the workers: tokens in one message", metavar="N")
    no_register: bool = flag(False, help="for the workers: do not register")
    server_host: str = flag("localhost", help="address that the API server listens on")
    server_port: int = flag(8001, help="port of the API server")
    allow_credentials: bool = flag(False, help="for the API server: CORS with credentials")
    api_keys: tuple[str, ...] = flag(
        (), help="for the API server: keys that clients must present", metavar="KEY", secret=True
    )
    logdir: Path = flag(Path("logs"), help="folder of the logs")


def launch(
    config: LaunchConfig, environment: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """Returns when all of them listen. Raises `ConfigError`, after ending what it started."""
    plan = list(_plan(config))
    try:
        config.logdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--logdir {config.logdir}: {error.strerror}") from None
    file = LaunchedFile(config.logdir)
    running, started = file.running(), list[Launched]()
    processes = []
    # Its own log file would say everything twice; keys are nobody's business in a command line.
    environment = {**environment, "LOGDIR": ""}
    if config.gpus is not None:
        # As it always was, and not --gpus of the worker, which an engine may not have.
        environment["CUDA_VISIBLE_DEVICES"] = config.gpus
    if config.api_keys:
        environment["FASTCHAT_API_KEYS"] = ",".join(config.api_keys)
    try:
        for server, name, argv in plan:
            log = config.logdir / f"{name}.log"
            one, process = start(server, argv, environment, log)
            started.append(one)
            processes.append(process)
            file.write([*running, *started])
            say(f"{server}: process {one.pid}, log {log}")
            _wait_until_listening(process, server, log, say)
    except (ConfigError, OSError, KeyboardInterrupt) as error:
        for one, process in reversed(list(zip(started, processes, strict=True))):
            end(one)
            process.wait()
        file.write(running)
        if isinstance(error, KeyboardInterrupt):
            raise ConfigError("given up before everything was ready; nothing runs") from None
        raise ConfigError(str(error)) from None


def _plan(config: LaunchConfig) -> Iterator[tuple[str, str, list[str]]]:
    """Server, name of the log, command line."""
    controller = address(config.controller_host, config.controller_port)
    at = ["--host", config.controller_host, "--port", str(config.controller_port)]
    method = ["--dispatch-method", config.dispatch_method]
    yield "controller", "controller", _command("controller", *at, *method)
    one = f"{config.model_path}@{config.worker_host}@{config.worker_port}"
    for item in config.model_path_address or (one,):
        path, host, port = _split(item)
        name = re.sub(r"[-@.\\]", "_", item.rpartition("/")[2])
        yield (
            "model_worker",
            f"worker_{name}",
            _command(
                *("model_worker", "--model-path", path, "--host", host, "--port", port),
                *("--worker-address", address(host, int(port))),
                *("--controller-address", controller),
                *_given(config),
            ),
        )
    at = ["--host", config.server_host, "--port", str(config.server_port)]
    cors = ["--allow-credentials"] if config.allow_credentials else []
    yield (
        "openai_api_server",
        "openai_api_server",
        _command("openai_api_server", *at, "--controller-address", controller, *cors),
    )


def _split(item: str) -> tuple[str, str, str]:
    path, at, rest = item.partition("@")
    host, also, port = rest.partition("@")
    if not (path and at and host and also and port.isdecimal()):
        raise ConfigError(f"--model-path-address {item!r}: write it as model-path@host@port")
    return path, host, port


def _given(config: LaunchConfig) -> Iterator[str]:
    defaults = {field.name: field.default for field in fields(LaunchConfig)}
    for name in _FOR_WORKERS:
        value = getattr(config, name)
        if value == defaults[name]:
            continue
        yield "--" + name.replace("_", "-")
        if isinstance(value, tuple):
            yield ",".join(value)
        elif not isinstance(value, bool):
            yield str(value)


def _command(module: str, *words: str) -> list[str]:
    return [sys.executable, "-m", f"fastchat.serve.{module}", *words]


def _wait_until_listening(
    process: "subprocess.Popen[bytes]", server: str, log: Path, say: Callable[[str], None]
) -> None:
    looks = 0
    while LISTENS not in log.read_bytes():
        if _ends_soon(process):
            tail = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
            raise ConfigError(
                f"{server} ended with status {process.returncode}:\n" + "\n".join(tail)
            )
        looks += 1
        if looks % int(5 / LOOK_EVERY_S) == 0:
            say(f"wait {server} running")
    say(f"{server} running")


def _ends_soon(process: "subprocess.Popen[bytes]") -> bool:
    try:
        process.wait(LOOK_EVERY_S)
    except subprocess.TimeoutExpired:
        return False
    return True
