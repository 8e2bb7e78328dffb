"""Adapters of a user's own: in a file that is named, or in an installed package."""

import importlib.util
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from fastchat.core.errors import ConfigError
from fastchat.model import model_adapter
from fastchat.model.model_adapter import BaseModelAdapter, register_model_adapter

GROUP = "fastchat.adapters"


def register_adapters(files: Sequence[str], installed: Iterable[EntryPoint] | None = None) -> None:
    """Those of the files are asked first, in their order. Runs their code. Raises `ConfigError`."""
    for file in files:
        _register_file(Path(file).expanduser())
    for entry in entry_points(group=GROUP) if installed is None else installed:
        try:
            found = entry.load()
        except Exception as error:
            raise ConfigError(f"the adapter {entry.name} ({entry.value}) fails: {error}") from error
        _register(found, f"the entry point {entry.name} ({entry.value})")


def _register_file(path: Path) -> None:
    """A file may register its classes itself; if it registers none, all that it defines are."""
    if not path.is_file():
        raise ConfigError(f"--adapter {path}: there is no such file")
    before = len(model_adapter.model_adapters)
    spec = importlib.util.spec_from_file_location(f"fastchat_adapter_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"--adapter {path}: give a file of Python, ending in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"--adapter {path}: {type(error).__name__}: {error}") from error
    if len(model_adapter.model_adapters) > before:
        return
    own = [
        value
        for value in vars(module).values()
        if _is_adapter(value) and value.__module__ == module.__name__
    ]
    if not own:
        raise ConfigError(f"--adapter {path}: it defines no class derived from BaseModelAdapter")
    for one in own:
        register_model_adapter(one)


def _register(found: object, where: str) -> None:
    if not _is_adapter(found):
        raise ConfigError(f"{where} is no class derived from BaseModelAdapter")
    assert isinstance(found, type)
    if not any(type(one) is found for one in model_adapter.model_adapters):
        register_model_adapter(found)


def _is_adapter(value: object) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, BaseModelAdapter)
        and value is not BaseModelAdapter
    )
