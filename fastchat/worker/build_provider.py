"""From flags to a worker whose models are those of other providers."""

from collections.abc import Sequence

from fastchat.core.errors import ConfigError
from fastchat.providers.figures import show_spend
from fastchat.providers.opening import RemoteModel, remote_models
from fastchat.providers.several import ProvidersEngine
from fastchat.relay.edge import Service
from fastchat.worker.build import assembled
from fastchat.worker.figures import WorkerFigures
from fastchat.worker.provider_config import ProviderWorkerConfig


def build(config: ProviderWorkerConfig, worker_id: str) -> Service:
    """Raises `ConfigError`."""
    if config.conv_template:
        raise ConfigError("--conv-template has no meaning here: the provider renders the prompt")
    models, figures = _models(config), WorkerFigures()
    show_spend(figures.figures, models)
    return assembled(
        config,
        ProvidersEngine(models),
        "provider",
        slots=config.limit_worker_concurrency,
        worker_id=worker_id,
        figures=figures,
    )


def _models(config: ProviderWorkerConfig) -> Sequence[RemoteModel]:
    models = remote_models(config.register_api_endpoint_file, config.price_file)
    known = [one.endpoint.name for one in models]
    for name in config.model_names:
        if name not in known:
            raise ConfigError(f"--model-names: the file has no {name!r}, only {', '.join(known)}")
    chosen = [one for one in models if one.endpoint.name in (config.model_names or known)]
    if not chosen:
        raise ConfigError(f"{config.register_api_endpoint_file} has no models")
    return chosen
