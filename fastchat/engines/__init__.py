"""Inference: each engine is a frozen `Options` and `create(options) -> Engine`, loaded by name."""

from collections.abc import Callable
from typing import Any

from fastchat.core.generation import Engine
from fastchat.core.registry import Registry

ENGINES: Registry[Callable[[Any], Engine]] = Registry(
    "engine",
    {
        "echo": "fastchat.engines.echo:create",
        "llama_cpp": "fastchat.engines.llama_cpp:create",
        "scripted": "fastchat.engines.scripted:create",
        "transformers": "fastchat.engines.transformers:create",
    },
    group="fastchat.engines",
)

# They need no files.
WITHOUT_WEIGHTS = frozenset(["echo", "scripted"])

__all__ = ["ENGINES", "WITHOUT_WEIGHTS"]
