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
    },
    group="fastchat.engines",
)

__all__ = ["ENGINES"]
