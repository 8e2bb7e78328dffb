"""What all workers do at their start."""

from collections.abc import Callable
from typing import TypeVar
from uuid import uuid4

from fastchat.core.errors import ConfigError, PlatformError
from fastchat.relay.edge import Service
from fastchat.serve._run import begin, bind, fail, log_to, serve, warn_if_open
from fastchat.worker.config import ShellFlags

F = TypeVar("F", bound=ShellFlags)


def run_worker(flags: type[F], command: str, build: Callable[[F, str], Service]) -> None:
    config = begin(flags, command)
    worker_id = uuid4().hex[:8]
    log_to("model_worker", f"model_worker_{worker_id}.log", config.logdir, config)
    warn_if_open(
        config.host, guarded=bool(config.cluster_token), remedy="set FASTCHAT_CLUSTER_TOKEN"
    )
    try:
        certificate = config.certificate
        bound = bind(config.host, config.port)
        if config.metrics_port is not None:
            bound += bind(config.host, config.metrics_port)
        service = build(config, worker_id)
    except (ConfigError, PlatformError) as error:
        fail(error)
    serve(service, bound, config.host, drain_s=config.drain_s, certificate=certificate)
    if (failure := service.failure()) is not None:
        fail(failure)
