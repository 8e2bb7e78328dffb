"""From flags to a worker whose engine is a server of its own."""

from fastchat.core.config import cache_folder, environment
from fastchat.core.errors import ConfigError
from fastchat.engines.served import ROWS, Options, Row, create
from fastchat.model.weights import resolve
from fastchat.relay.edge import Service
from fastchat.worker.build import assembled
from fastchat.worker.served_config import ServedWorkerConfig


def build(config: ServedWorkerConfig, worker_id: str) -> Service:
    """Nothing is started yet: the server of this service starts its engine."""
    engine = create(options(config))
    return assembled(
        config,
        engine,
        config.engine,
        slots=engine.slots,
        worker_id=worker_id,
        fetches_media=config.engine_fetches_media,
    )


def options(config: ServedWorkerConfig) -> Options:
    """Raises `ConfigError`."""
    row = ROWS[config.engine]
    return Options(
        row=row,
        names=config.served_names,
        model=_model(config, row),
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


def _model(config: ServedWorkerConfig, row: Row) -> str | None:
    """What the engine is to load: in its own words, or a file that is looked for here."""
    if config.model_path is None or config.engine_url is not None or not row.reads_gguf:
        return config.model_path
    found = resolve(config.model_path, cache=cache_folder())
    if found.is_dir():
        raise ConfigError(f"{found} holds no GGUF file, and {row.title} reads no other")
    return str(found)
