"""Start a worker: `python3 -m fastchat.serve.model_worker --model-path MODEL`."""

from uuid import uuid4

from fastchat.core.errors import ConfigError, PlatformError
from fastchat.serve._run import begin, bind, fail, log_to, serve, warn_if_open
from fastchat.worker.build import build
from fastchat.worker.config import WorkerConfig


def main(flags: type[WorkerConfig] = WorkerConfig, command: str = "model_worker") -> None:
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


if __name__ == "__main__":
    main()
