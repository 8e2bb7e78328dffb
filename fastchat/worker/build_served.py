"""From flags to a worker whose engine is a server of its own."""

from fastchat.core.config import environment
from fastchat.engines.served import ROWS, Options, create
from fastchat.relay.edge import Service
from fastchat.worker.build import assembled
from fastchat.worker.served_config import ServedWorkerConfig


def build(config: ServedWorkerConfig, worker_id: str) -> Service:
    """Nothing is started yet: the server of this service starts its engine."""
    engine = create(options(config))
    return assembled(config, engine, config.engine, slots=engine.slots, worker_id=worker_id)


def options(config: ServedWorkerConfig) -> Options:
    """Raises `ConfigError`."""
    return Options(
        row=ROWS[config.engine],
        names=config.served_names,
        model=config.model_path,
        python=config.engine_python,
        url=config.engine_url,
        key=config.engine_key,
        remote_model=config.engine_model,
        slots=config.limit_worker_concurrency,
        num_gpus=config.num_gpus,
        trust_remote_code=config.trust_remote_code,
        context_length=config.context_length,
        arguments=config.engine_arguments,
        environment=environment(),
    )
