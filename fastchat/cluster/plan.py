"""Which processes a platform consists of: values, from which others start them."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from fastchat.cluster.platform import ModelSpec, Platform
from fastchat.cluster.worker_command import entry_point, flags

Role = Literal["controller", "worker", "api", "page"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessSpec:
    """One process. It is ready when `ready_url` answers 200.

    `declared` is the table of the platform file that asks for it. A worker serves `models` from
    `weights`, if it has any. `keys_flag` takes the name of a
    file with API keys, which is only known when the process is started.
    """

    name: str
    role: Role
    argv: tuple[str, ...]
    host: str
    port: int
    ready_path: str
    declared: str
    depends_on: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    keys_flag: str | None = None
    models: tuple[str, ...] = ()
    weights: str | None = None

    @property
    def entry_point(self) -> str:
        return self.argv[2].rpartition(".")[2]

    @property
    def address(self) -> str:
        return address(self.host, self.port)

    @property
    def ready_url(self) -> str:
        return self.address + self.ready_path


def plan(platform: Platform, *, python: str = sys.executable) -> tuple[ProcessSpec, ...]:
    """The processes in the order in which they are shown: controller, workers, API server, page."""
    controller = _controller(platform, python)
    return (
        controller,
        *_workers(platform, python, controller),
        _api(platform, python, controller),
        *([_page(platform, python, controller)] if platform.page.enabled else []),
    )


def address(host: str, port: int) -> str:
    """Where to reach, on this machine, a server that listens on `host`."""
    reachable = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _controller(platform: Platform, python: str) -> ProcessSpec:
    spec = platform.controller
    return ProcessSpec(
        name="controller",
        role="controller",
        argv=(
            *_command(python, "controller"),
            *_listen(spec.host, spec.port),
            *("--dispatch-method", spec.dispatch_method),
            *spec.arguments,
        ),
        host=spec.host,
        port=spec.port,
        ready_path="/test_connection",
        declared="[controller]",
    )


def _workers(platform: Platform, python: str, controller: ProcessSpec) -> Iterator[ProcessSpec]:
    for number, (model, ports) in enumerate(
        zip(platform.models, platform.worker_ports(), strict=True), start=1
    ):
        for replica, port in enumerate(ports):
            yield ProcessSpec(
                name=f"model_worker_{port}",
                role="worker",
                argv=(
                    *_command(python, entry_point(model)),
                    *flags(model, replica, address(model.host, port), port, controller.address),
                ),
                host=model.host,
                port=port,
                ready_path="/ready",
                declared=f"[[models]] number {number}",
                depends_on=(controller.name,),
                environment=_environment(model, replica),
                models=model.served_names,
                weights=model.path if model.has_weights else None,
            )


def _api(platform: Platform, python: str, controller: ProcessSpec) -> ProcessSpec:
    spec = platform.api
    return ProcessSpec(
        name="openai_api_server",
        role="api",
        argv=(
            *_command(python, "openai_api_server"),
            *("--controller-address", controller.address),
            *_listen(spec.host, spec.port),
            *(["--log-requests"] if spec.log_requests else []),
            *spec.arguments,
        ),
        host=spec.host,
        port=spec.port,
        ready_path="/ready",
        declared="[api]",
        depends_on=(controller.name,),
        keys_flag="--api-keys-file",
    )


def _page(platform: Platform, python: str, controller: ProcessSpec) -> ProcessSpec:
    spec = platform.page
    module = "gradio_web_server_multi" if spec.arena else "gradio_web_server"
    return ProcessSpec(
        name=module,
        role="page",
        argv=(
            *_command(python, module),
            *("--controller-address", controller.address),
            *_listen(spec.host, spec.port),
            *spec.arguments,
        ),
        host=spec.host,
        port=spec.port,
        ready_path="/health",
        declared="[page]",
        depends_on=(controller.name,),
    )


def _environment(model: ModelSpec, replica: int) -> dict[str, str]:
    if not model.gpus:
        return model.environment
    devices = ",".join(str(device) for device in model.gpus[replica])
    return {**model.environment, "CUDA_VISIBLE_DEVICES": devices}


def _command(python: str, module: str) -> tuple[str, ...]:
    return (python, "-m", f"fastchat.serve.{module}")


def _listen(host: str, port: int) -> tuple[str, ...]:
    return ("--host", host, "--port", str(port))
