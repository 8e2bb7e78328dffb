"""From flags to an engine: which one, with which options, and no flag silently without effect."""

from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from fastchat.core.config import cache_folder
from fastchat.core.errors import ConfigError
from fastchat.core.generation import Engine
from fastchat.engines import ENGINES
from fastchat.model.weights import default_model_name, resolve
from fastchat.worker.config import WorkerConfig

# Flags that only some engines can honour; the others have to refuse them.
_OPTIONAL = (
    "context_length",
    "threads",
    "seed",
    "device",
    "num_gpus",
    "gpus",
    "load_8bit",
    "cpu_offloading",
    "gptq",
    "gptq_wbits",
    "gptq_groupsize",
    "max_gpu_memory",
)


def model_names(config: WorkerConfig) -> tuple[str, ...]:
    return config.model_names or (default_model_name(config.model_path),)


def load_engine(config: WorkerConfig) -> Engine:
    """Find the weights and load them. Raises `ConfigError`."""
    path = None if config.engine == "echo" else resolve(config.model_path, cache=cache_folder())
    name = _engine_for(path) if config.engine == "auto" and path is not None else config.engine
    create = ENGINES.load(name)
    options = get_type_hints(create)["options"]
    engine: Engine = create(options(**_values(config, path, options, name)))
    return engine


def _engine_for(path: Path) -> str:
    if path.is_file():
        return "llama_cpp"
    raise ConfigError(
        f"{path} is a Hugging Face checkpoint; the engine for it is not part of this version. "
        "Give a GGUF file, a folder with one, or a built-in name."
    )


def _values(
    config: WorkerConfig, path: Path | None, options: type[Any], engine: str
) -> dict[str, Any]:
    known = {field.name for field in fields(options)}
    values: dict[str, Any] = {
        "names": model_names(config),
        "model": path,
        "slots": config.limit_worker_concurrency,
    }
    defaults = {field.name: field.default for field in fields(WorkerConfig)}
    for name in _OPTIONAL:
        value = getattr(config, name)
        if value == defaults[name]:
            continue
        if name not in known:
            flag = name.replace("_", "-")
            raise ConfigError(f"--{flag} has no meaning for the engine {engine}: leave it out")
        values[name] = value
    return {name: value for name, value in values.items() if name in known}
